/** Policies in Redis: one entry for each, a lock while its host is asked, and a channel on which what is new is told. */
import { randomUUID } from 'node:crypto';
import type { Log } from '../log';
import { retryAt } from '../mta_sts/backoff';
import {
  expiryOf,
  type FetchLock,
  type SharedEntry,
  type SharedFailure,
  type SharedPolicies,
} from '../mta_sts/shared_policies';
import { keyText, type PolicyKey, type StoredPolicy } from '../mta_sts/store';
import { printable } from '../text';
import { rootsDigest } from '../tls/roots';
import type { FleetRedis } from './connection';
import { promptly } from './link';
import {
  decodeFailure,
  decodePolicy,
  encodeFailure,
  encodeLock,
  encodePolicy,
  isLocked,
  lockLife,
  type Decoded,
} from './policy_entry';
import type { Secrets } from './secret';

export interface FleetPoliciesOptions {
  readonly redis: FleetRedis;
  readonly secrets: Secrets;
  /** What this host is called. */
  readonly host: string;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long is waited for an answer that can be done without. Milliseconds, 50 where absent. */
  readonly patience?: number;
}

/** Nothing waits for what is written. Milliseconds. */
const writePatience = 1_000;
/** For a person who waits, and for each page of a list. Milliseconds. */
const listPatience = 2_000;
const pageSize = 1_000;
/** Messages that are looked at in a second: who can write to Redis must not keep this process busy. */
const mostMessages = 1_000;
/** Of what is refused for one reason the log is told so often. Milliseconds. */
const refusalInterval = 600_000;

/** Removes a lock, unless it is another's by now. */
const releaseScript =
  "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0";

type NewsListener = (stored: StoredPolicy) => void;

export class FleetPolicies implements SharedPolicies {
  readonly #options: FleetPoliciesOptions;
  /** Tells what this process says from what others say. */
  readonly #own = randomUUID();
  readonly #listeners = new Set<NewsListener>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #refusals = new Map<string, number>();
  readonly #channel: string;
  readonly #patience: number;
  #second = { began: 0, messages: 0 };

  constructor(options: FleetPoliciesOptions) {
    this.#options = options;
    this.#patience = options.patience ?? promptly;
    this.#channel = options.redis.key('policy-news');
    options.redis.subscribe(this.#channel, (message) => this.#hear(message));
  }

  async read(key: PolicyKey): Promise<SharedEntry> {
    const { redis } = this.#options;
    const names = [this.#name('policy', key), this.#name('failed', key)];
    const texts = await redis.run(this.#patience, (client) => client.mGet(names)).catch(() => []);
    const [policy, failed] = texts;
    return { ...this.#policyIn(policy, key), ...this.#failureIn(failed, key) };
  }

  #policyIn(text: string | null | undefined, key: PolicyKey): Pick<SharedEntry, 'policy'> {
    if (typeof text !== 'string') return {};
    const { secrets, now } = this.#options;
    const policy = this.#accepted(decodePolicy(text, { secrets, key, now: now() }), key.domain);
    return policy === undefined ? {} : { policy };
  }

  #failureIn(text: string | null | undefined, key: PolicyKey): Pick<SharedEntry, 'failed'> {
    if (typeof text !== 'string') return {};
    const { secrets, now, host } = this.#options;
    const failed = this.#accepted(decodeFailure(text, { secrets, key, now: now() }), key.domain);
    if (failed === undefined) return {};
    return { failed: { ...failed, of: failed.host === host ? 'this_host' : 'another' } };
  }

  async lock(key: PolicyKey): Promise<FetchLock> {
    const { redis, secrets, now } = this.#options;
    const name = this.#name('lock', key);
    const value = encodeLock(secrets, key, randomUUID(), now());
    try {
      const [taken, there] = await redis.run(this.#patience, (client) =>
        Promise.all([
          client.set(name, value, { condition: 'NX', expiration: { type: 'PX', value: lockLife } }),
          client.get(name),
        ]),
      );
      if (taken !== null) return { kind: 'mine', release: () => this.#release(name, value) };
      return there !== null && isLocked(there, secrets, key, now())
        ? { kind: 'anothers' }
        : { kind: 'unknown' };
    } catch {
      return { kind: 'unknown' };
    }
  }

  told(key: PolicyKey, ms: number): Promise<void> {
    const name = keyText(key);
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      const settle = (): void => {
        clearTimeout(timer);
        waiting.delete(settle);
        if (waiting.size === 0) this.#waiting.delete(name);
        resolve();
      };
      const timer = setTimeout(settle, ms);
      this.#waiting.set(name, waiting.add(settle));
    });
  }

  tell(stored: StoredPolicy): void {
    const { secrets, host, now } = this.#options;
    const text = encodePolicy(secrets, host, stored);
    const left = expiryOf(stored) - now();
    if (left <= 0) return;
    this.#write((client) => [
      client.set(this.#name('policy', stored), text, { expiration: { type: 'PX', value: left } }),
      client.del(this.#name('failed', stored)),
      client.publish(this.#channel, JSON.stringify({ by: this.#own, policy: text })),
    ]);
  }

  tellFailure(failed: SharedFailure): void {
    const { secrets, host, now } = this.#options;
    const backoff = { kind: 'waiting', ...failed } as const;
    const left = Math.round(retryAt(backoff, failed.id, 'protected') - now());
    if (left <= 0) return;
    const text = encodeFailure(secrets, host, failed);
    const { domain, roots } = failed;
    this.#write((client) => [
      client.set(this.#name('failed', failed), text, { expiration: { type: 'PX', value: left } }),
      client.publish(this.#channel, JSON.stringify({ by: this.#own, failed: { domain, roots } })),
    ]);
  }

  /** Everything that the fleet holds, in no order. @throws where Redis does not answer */
  async all(): Promise<(StoredPolicy & { readonly host: string })[]> {
    const { redis, secrets, now } = this.#options;
    const found: (StoredPolicy & { readonly host: string })[] = [];
    let cursor = '0';
    do {
      const [next, texts] = await redis.run(listPatience, async (client) => {
        const page = await client.scan(cursor, { MATCH: redis.key('policy', '*'), COUNT: pageSize });
        return [page.cursor, page.keys.length === 0 ? [] : await client.mGet(page.keys)] as const;
      });
      for (const text of texts) {
        const decoded = text === null ? undefined : decodePolicy(text, { secrets, now: now() });
        if (decoded?.kind === 'good') found.push(decoded.value);
      }
      cursor = next;
    } while (cursor !== '0');
    return found;
  }

  /** What Redis holds of it is gone; what the hosts hold is not. @throws where Redis does not answer */
  async forget(keys: readonly PolicyKey[]): Promise<void> {
    const names = keys.flatMap((key) => [this.#name('policy', key), this.#name('failed', key)]);
    if (names.length > 0) await this.#options.redis.run(listPatience, (client) => client.del(names));
  }

  onNews(listener: NewsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #write(commands: (client: Parameters<Parameters<FleetRedis['run']>[1]>[0]) => Promise<unknown>[]): void {
    // What cannot be told is found out by the others for themselves.
    void this.#options.redis
      .run(writePatience, (client) => Promise.all(commands(client)))
      .catch(() => undefined);
  }

  #release(name: string, value: string): void {
    this.#write((client) => [client.eval(releaseScript, { keys: [name], arguments: [value] })]);
  }

  #hear(message: string): void {
    if (this.#isFlooded()) return;
    const news = parseNews(message);
    if (news === undefined || news.by === this.#own) return;
    // What is told of a failure is only a hint to look: it is signed where it is kept.
    if (news.failed !== undefined) this.#wake(news.failed);
    if (news.policy === undefined) return;
    const { secrets, now } = this.#options;
    const stored = this.#accepted(decodePolicy(news.policy, { secrets, now: now() }), 'a domain');
    if (stored === undefined) return;
    this.#wake(stored);
    for (const listener of this.#listeners) listener(stored);
  }

  #isFlooded(): boolean {
    const now = performance.now();
    if (now - this.#second.began > 1000) this.#second = { began: now, messages: 0 };
    return ++this.#second.messages > mostMessages;
  }

  #wake(key: PolicyKey): void {
    for (const settle of this.#waiting.get(keyText(key)) ?? []) settle();
  }

  /** `undefined` where it is refused, which the log is told. */
  #accepted<T>(decoded: Decoded<T>, whose: string): T | undefined {
    if (decoded.kind === 'good') return decoded.value;
    if (decoded.kind === 'expired') return undefined;
    const { why } = decoded;
    const now = performance.now();
    if (now < (this.#refusals.get(why) ?? -Infinity) + refusalInterval) return undefined;
    this.#refusals.set(why, now);
    this.#options.log.warn(
      `fleet: what Redis has of the policy of ${printable(whose)} is refused: ${printable(why)}; this host asks for itself`,
    );
    return undefined;
  }

  #name(kind: 'policy' | 'failed' | 'lock', { domain, roots }: PolicyKey): string {
    const { redis } = this.#options;
    return roots === rootsDigest('') ? redis.key(kind, domain) : redis.key(kind, domain, roots);
  }
}

interface News {
  readonly by: string;
  readonly policy?: string;
  readonly failed?: PolicyKey;
}

function parseNews(message: string): News | undefined {
  try {
    const { by, policy, failed } = JSON.parse(message) as Partial<Record<keyof News, unknown>>;
    if (typeof by !== 'string') return undefined;
    if (typeof policy === 'string') return { by, policy };
    const { domain, roots } = failed as Partial<Record<keyof PolicyKey, unknown>>;
    return typeof domain === 'string' && typeof roots === 'string'
      ? { by, failed: { domain, roots } }
      : undefined;
  } catch {
    return undefined;
  }
}
