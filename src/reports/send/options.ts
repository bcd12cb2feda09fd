/** What sending reports needs of its surroundings. */
import type { Answer } from '../../dns/types';
import type { Log } from '../../log';
import type { GlobalSettings } from '../../settings/schema/types';
import type { Owner } from '../../state/owner';
import type { Mail } from '../queue/submit';
import type { FoundKey } from './dkim_key';
import type { Posted } from './post';

export interface SenderOptions {
  readonly settings: () => GlobalSettings['tlsReports'];
  /** Where sessions and journals are. */
  readonly directory: () => string;
  readonly owner: Owner;
  readonly log: Log;
  readonly now: () => Date;
  /** Tells this host's reports from those of others. */
  readonly host: string;
  readonly txt: (name: string) => Promise<Answer<string>>;
  readonly key: () => FoundKey;
  /** Hands a mail to Haraka. @throws Error where Haraka does not take it */
  readonly submit: (mail: Mail) => Promise<void>;
  readonly post: (url: URL, body: Uint8Array) => Promise<Posted>;
  /** From 0 to 1. */
  readonly random?: () => number;
}
