/** What the running Haraka needs of the store, in a file of its own: see bundles.ts. */
export { createFileWriter } from './file_writer';
export { createHeldWriter } from './held_writer';
export { createTrackWriter } from './track_writer';
export { keepTrack } from './track_files';
