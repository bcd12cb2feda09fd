/** What `dist/fleet.cjs` holds: the memory that several hosts share. Loaded where `[fleet] redis` is on. */
export { openFleet } from './fleet';
