/** Where policies outlive the process. The file store is the embedded one; a shared one needs no more than this. */
import { Readable } from 'node:stream';
import type { StsPolicy } from './types';

/** What a policy is kept by: the policy domain, never an MX host, and the roots that authenticated its host. */
export interface PolicyKey {
  readonly domain: string;
  /** See `rootsDigest`. */
  readonly roots: string;
}

export interface StoredPolicy extends PolicyKey {
  readonly id: string;
  /** Milliseconds since 1970, by the clock of whoever fetched it. */
  readonly fetchedAt: number;
  readonly policy: StsPolicy;
}

export interface PolicyStore {
  /** Every policy that reads back whole, in no order; what does not is reported to the log and left out. */
  all(): AsyncIterable<StoredPolicy>;
  /** `undefined` where there is none that reads back whole. Rejects where the store cannot be reached. */
  read(key: PolicyKey): Promise<StoredPolicy | undefined>;
  /** Replaces the policy under the same key, wholly or not at all. Resolves when it would survive a crash. */
  write(stored: StoredPolicy): Promise<void>;
  close(): Promise<void>;
}

export function keyText({ domain, roots }: PolicyKey): string {
  return `${domain} ${roots}`;
}

/** A store that lasts as long as the process; beyond `maxEntries` (default 10,000) the oldest are dropped. */
export function createMemoryStore(maxEntries = 10_000): PolicyStore {
  const policies = new Map<string, StoredPolicy>();
  return {
    all: () => Readable.from([...policies.values()]) as AsyncIterable<StoredPolicy>,
    read: (key) => Promise.resolve(policies.get(keyText(key))),
    write(stored) {
      policies.delete(keyText(stored));
      policies.set(keyText(stored), stored);
      const [oldest] = policies.keys();
      if (policies.size > maxEntries && oldest !== undefined) policies.delete(oldest);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
