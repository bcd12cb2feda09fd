/** What reads the TLS reports of others, in a file of its own: see bundles.ts. */
export { ReportReceiver } from './receive/receiver';
export { longestMessage } from './receive/message';
