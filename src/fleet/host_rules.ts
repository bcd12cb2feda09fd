/**
 * The digest of the rules that each host has in force. Files are deployed host by host: those that still differ after a while were
 * forgotten, and are named in the log.
 */
import { fieldsIn } from '../json_lines';
import type { Log } from '../log';
import { printable } from '../text';
import type { FleetRedis } from './connection';
import { isSigned, sign, type Secrets } from './secret';

export interface HostRulesOptions {
  readonly redis: FleetRedis;
  readonly secrets: Secrets | undefined;
  readonly host: string;
  readonly log: Log;
  /** Of the rules in force now. */
  readonly digest: () => Promise<string>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What one host said of itself. */
export interface HostRecord {
  readonly host: string;
  readonly digest: string;
  /** Since when it has these rules; milliseconds since 1970. */
  readonly since: number;
  /** When it said so. */
  readonly at: number;
}

/** One process of each host does it, once in this time. Milliseconds. */
const interval = 60_000;
/** Rules are rolled out in this time. Milliseconds. */
const rollout = 600_000;
/** Who has said nothing for so long is gone. Milliseconds. */
const gone = 5 * interval;
/** Records of hosts that are gone for so long are removed. Milliseconds. */
const forgotten = 24 * 3600_000;
const patience = 2_000;
/** Hosts that the log names, and records that are looked at. */
const named = 5;
const mostHosts = 1_000;

export class HostRules {
  readonly #options: HostRulesOptions;
  #timer: NodeJS.Timeout | undefined;
  #said = '';

  constructor(options: HostRulesOptions) {
    this.#options = options;
  }

  /** From now on this host is one of those that are compared. */
  start(): void {
    this.#timer = setInterval(() => void this.round(), interval).unref();
    this.#options.redis.onUp(() => void this.round());
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Tells what rules this host has, and compares. Never rejects. */
  async round(): Promise<void> {
    const { redis, host, now } = this.#options;
    try {
      const turn = redis.key('rules-turn', host);
      const isOurs = await redis.run(patience, (client) =>
        client.set(turn, '1', { condition: 'NX', expiration: { type: 'PX', value: interval - 5_000 } }),
      );
      if (isOurs === null) return;
      const records = await this.records();
      const own = await this.#ownRecord(records.find((one) => one.host === host));
      await redis.run(patience, (client) =>
        client.hSet(redis.key('rules'), host, encode(own, this.#options.secrets)),
      );
      const old = records.filter(({ at }) => now() - at > forgotten).map((one) => one.host);
      if (old.length > 0) await redis.run(patience, (client) => client.hDel(redis.key('rules'), old));
      this.#compare(own, records);
    } catch {
      // Redis is away, and that was said.
    }
  }

  /** What the hosts of the fleet said last. @throws where Redis does not answer */
  async records(): Promise<HostRecord[]> {
    const { redis, secrets, now } = this.#options;
    const all = await redis.run(patience, (client) => client.hGetAll(redis.key('rules')));
    return Object.entries(all)
      .slice(0, mostHosts)
      .flatMap(([host, text]) => decode(host, text, secrets))
      .filter(({ at }) => at <= now() + interval);
  }

  async #ownRecord(before: HostRecord | undefined): Promise<HostRecord> {
    const { host, digest: digestNow, now } = this.#options;
    const digest = await digestNow();
    return { host, digest, since: before?.digest === digest ? before.since : now(), at: now() };
  }

  #compare(own: HostRecord, records: readonly HostRecord[]): void {
    const { log } = this.#options;
    const others = differing(own, records).map(({ host }) => host);
    const text = others.sort().join(' ');
    if (text === this.#said) return;
    this.#said = text;
    if (text === '') {
      log.notice('fleet: all hosts have the same rules again');
      return;
    }
    const names = others.slice(0, named).map((name) => printable(name, 80));
    const more = others.length > named ? ` and ${others.length - named} more` : '';
    log.warn(
      `fleet: other rules than here (${own.digest}) are in force on ${names.join(', ')}${more}, for more than ` +
        `${rollout / 60_000} minutes: tls-peers lint tells the digest of each host`,
    );
  }
}

/** Those that are there, and have had other rules for longer than a roll-out takes. Pure. */
export function differing(own: HostRecord, records: readonly HostRecord[]): HostRecord[] {
  return records.filter(
    ({ host, digest, since, at }) =>
      host !== own.host &&
      digest !== own.digest &&
      own.at - at < gone &&
      own.at - Math.max(since, own.since) > rollout,
  );
}

function encode({ host, digest, since, at }: HostRecord, secrets: Secrets | undefined): string {
  const mac = secrets === undefined ? '' : sign(secrets, 'rules 1', [host, digest, since, at]);
  return JSON.stringify({ digest, since, at, mac });
}

function decode(host: string, text: string, secrets: Secrets | undefined): HostRecord[] {
  const { digest, since, at, mac } = fieldsIn(text) ?? {};
  if (typeof digest !== 'string' || typeof mac !== 'string') return [];
  if (typeof since !== 'number' || typeof at !== 'number') return [];
  if (secrets !== undefined && !isSigned(secrets, 'rules 1', [host, digest, since, at], mac)) return [];
  return [{ host, digest, since, at }];
}
