/** What `dist/fleet.cjs` holds: the memory that several hosts share. Loaded where `[fleet] redis` is on. */
export { connectFleet } from './connection';
export { EvidencePublisher } from './evidence/publisher';
export { createFleetReader } from './evidence/reader';
