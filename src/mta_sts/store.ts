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
  /** Milliseconds since 1970, by the clock of the process that fetched it. */
  readonly fetchedAt: number;
  readonly policy: StsPolicy;
}

/** What is kept under one key. A store that cannot be read is not an empty one. */
export type StoredEntry =
  | { readonly kind: 'stored'; readonly stored: StoredPolicy }
  /** Nothing was ever kept, or it was removed: the domain is met for the first time. */
  | { readonly kind: 'none' }
  /** Something is kept, or may be, and nobody can tell whether a policy is in force. */
  | { readonly kind: 'unreadable'; readonly why: string };

export interface PolicyStore {
  /** Every policy that reads back whole, in no order; what does not is reported to the log and left out. */
  all(): AsyncIterable<StoredPolicy>;
  /** Never rejects. */
  read(key: PolicyKey): Promise<StoredEntry>;
  /**
   * Replaces the policy under the same key, wholly or not at all. Resolves when it would survive a crash.
   *
   * @param usedAt when mail was last held to it, milliseconds since 1970; now where absent
   */
  write(stored: StoredPolicy, usedAt?: number): Promise<void>;
  /** Mail was held to the policy under that key: when the store is full, others go before it. */
  noteUse(key: PolicyKey): Promise<void>;
  close(): Promise<void>;
}

export function keyText({ domain, roots }: PolicyKey): string {
  return `${domain} ${roots}`;
}

/** A store that lasts as long as the process; beyond `maxEntries` (default 10,000) the longest unused are dropped. */
export function createMemoryStore(maxEntries = 10_000): PolicyStore {
  const policies = new Map<string, StoredPolicy>();
  return {
    all: () => Readable.from([...policies.values()]) as AsyncIterable<StoredPolicy>,
    read(key) {
      const stored = policies.get(keyText(key));
      return Promise.resolve(stored === undefined ? { kind: 'none' } : { kind: 'stored', stored });
    },
    write(stored) {
      policies.delete(keyText(stored));
      policies.set(keyText(stored), stored);
      const [oldest] = policies.keys();
      if (policies.size > maxEntries && oldest !== undefined) policies.delete(oldest);
      return Promise.resolve();
    },
    noteUse(key) {
      const stored = policies.get(keyText(key));
      if (stored !== undefined && policies.delete(keyText(key))) policies.set(keyText(key), stored);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
