/** What a Haraka that counts sessions for TLS reports needs, in a file of its own: see bundles.ts. */
export { createSessionWriter } from './session_files';
