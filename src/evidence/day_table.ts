/**
 * What was counted on one day: for each (managed domain, direction, peer) how many messages there were of each kind. Pure.
 *
 * Peers cannot make it grow: beyond `maxPeers` the least busy of those that no rule names are put together as `otherPeers`,
 * and beyond `mostKinds` what is rare at one peer is put together by its outcome.
 */
import type { Day } from '../peers/day';

/** `out`, `in`: messages, by `sightingText`. */
export type Direction = 'out' | 'in';

/** Whose counts: the managed domain is empty for mail of none. */
export interface PeerKey {
  readonly managed: string;
  readonly direction: Direction;
  /** A domain in canonical form, an address literal, a network, `<>` for the null sender, or `otherPeers`. */
  readonly peer: string;
}

/** All peers of a managed domain that have no line of their own. No domain looks like this. */
export const otherPeers = '(other)';

/** How often each kind was seen. */
export type Counts = Map<string, number>;

export interface DayTableOptions {
  readonly maxPeers: number;
  /** Peers that a rule names are never put among the others. */
  readonly isNamed: (key: PeerKey) => boolean;
}

/** Different kinds of messages that one peer has in a day. */
const mostKinds = 64;

/** Peers beyond the limit before the least busy ones go: sorting them out takes time. At least, and as a share. */
const slack = { least: 64, share: 0.1 };

export class DayTable {
  readonly #rows = new Map<string, Counts>();
  #evicted = 0;
  /** So many peers are kept until the least busy are sorted out: those that rules name may be more than the limit by themselves. */
  #room: number;

  readonly day: Day;
  readonly #options: DayTableOptions;

  constructor(day: Day, options: DayTableOptions) {
    this.day = day;
    this.#options = options;
    this.#room = this.#withSlack(options.maxPeers);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** How many peers were put among the others so far, each as often as that happened. */
  get evicted(): number {
    return this.#evicted;
  }

  has(key: PeerKey): boolean {
    return this.#rows.has(keyText(key));
  }

  add(key: PeerKey, kind: string, count: number): void {
    this.#addTo(keyText(key), kind, count);
    if (this.#rows.size <= this.#room) return;
    this.#keepBusiest();
    this.#room = this.#withSlack(Math.max(this.#options.maxPeers, this.#rows.size));
  }

  #withSlack(peers: number): number {
    return peers + Math.max(slack.least, this.#options.maxPeers * slack.share);
  }

  *rows(): Generator<readonly [PeerKey, ReadonlyMap<string, number>]> {
    for (const [text, counts] of this.#rows) yield [parseKey(text), counts];
  }

  #addTo(row: string, kind: string, count: number): void {
    let counts = this.#rows.get(row);
    if (counts === undefined) this.#rows.set(row, (counts = new Map<string, number>()));
    const known = counts.get(kind);
    if (known !== undefined) counts.set(kind, known + count);
    else if (counts.size < mostKinds) counts.set(kind, count);
    else {
      const rest = restOf(kind);
      counts.set(rest, (counts.get(rest) ?? 0) + count);
    }
  }

  #keepBusiest(): void {
    let surplus = this.#rows.size - this.#options.maxPeers;
    for (const row of this.#fromLeastBusy()) {
      if (surplus <= 0) return;
      const key = parseKey(row);
      if (key.peer === otherPeers || this.#options.isNamed(key)) continue;
      const counts = this.#rows.get(row) ?? new Map<string, number>();
      this.#rows.delete(row);
      this.#evicted += 1;
      surplus -= 1;
      const others = keyText({ ...key, peer: otherPeers });
      for (const [kind, count] of counts) this.#addTo(others, kind, count);
    }
  }

  /** By buckets of powers of two: nothing waits for a sort of all peers, and those of one bucket are as good as each other. */
  #fromLeastBusy(): string[] {
    const buckets: string[][] = [];
    for (const [row, counts] of this.#rows) {
      const bucket = Math.floor(Math.log2(sumOf(counts)));
      (buckets[bucket] ??= []).push(row);
    }
    return buckets.flat();
  }
}

/** What is left of a kind beyond `mostKinds`: its outcome, which is its first letter. Parsed, everything else is unknown. */
function restOf(kind: string): string {
  return kind.slice(0, 1) + 'a'.repeat(Math.max(0, kind.length - 1));
}

export function sumOf(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

/** One text for a key; also how a line of a file begins. */
export function keyText({ managed, direction, peer }: PeerKey): string {
  return `${managed}\t${direction}\t${peer}`;
}

export function parseKey(text: string): PeerKey {
  const [managed = '', direction, peer = ''] = text.split('\t');
  return { managed, direction: direction === 'in' ? 'in' : 'out', peer };
}
