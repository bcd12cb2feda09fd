/** What every process needs of a Haraka that counts sessions for TLS reports, in a file of its own: see bundles.ts. */
export { createSessionWriter } from './store/session_files';
export { noteOutcome, type OutcomeOptions } from './queue/outcome';
export { submitReport } from './queue/submit';
export { reportedPolicies } from './view/received_view';
