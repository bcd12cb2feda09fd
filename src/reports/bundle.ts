/** What sends TLS reports, in a file of its own: see bundles.ts. */
export { ReportSender } from './send/sender';
export { findDkimKey } from './send/dkim_key';
export { postReport } from './send/post';
