/** What the file that delivers hands over to the page, and what it gets. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProbeResult } from '../dns/probe';
import type { Figures } from '../figures';
import type { Log } from '../log';
import type { Settings } from '../settings/schema/types';
import type { Ended } from './access/access';

export interface Surroundings {
  readonly settings: () => Settings;
  /** What is wrong in the files, as lines. */
  readonly faults: () => readonly string[];
  /** Haraka's config directory. */
  readonly configDirectory: string;
  readonly log: Log;
  /** With which Haraka greets others. */
  readonly me: string;
  readonly version: string;
  readonly probe: () => ProbeResult | 'not_probed';
  /** Of all processes. Never rejects. */
  readonly figures: () => Promise<Figures>;
  readonly ended: Ended;
  /** The last failures of mail to a peer. */
  readonly failures: (managed: string, peer: string) => readonly FailureShown[];
}

/** One failure as the page shows it. */
export interface FailureShown {
  /** ISO 8601. */
  readonly at: string;
  readonly outcome: string;
  readonly host: string;
  readonly reason: string;
  readonly text: string;
}

export interface Web {
  /** For an app in which it is mounted at `/tls-peers`. */
  readonly handler: (
    request: IncomingMessage & { readonly originalUrl?: string },
    response: ServerResponse,
  ) => void;
  /** Binds what `[web] listen` names, and follows it. */
  listen(): void;
  close(): Promise<void>;
}
