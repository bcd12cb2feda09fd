/**
 * A read-only hash table that keeps what a search goes through side by side in one array. A `Map` leads through chains of
 * entries and keys that only happen to share a bucket, and with 100,000 peers nearly all that a look-up costs is to fetch
 * these from memory that the processor has not at hand.
 */

/** Slots per key, at least. Enough are free for a search to end after one or two. */
const room = 1.5;
const smallest = 8;
const free = -1;

export class Table<K extends string | bigint, V> implements Iterable<readonly [K, V]> {
  readonly size: number;
  readonly #entries: ReadonlyMap<K, V>;
  /** For each slot a hash, or `free`, then key and value. */
  readonly #slots: (number | K | V)[];
  readonly #mask: number;

  /** @param hash gives a non-negative integer below 2³¹; look-ups hand it over beside the key */
  constructor(entries: ReadonlyMap<K, V>, hash: (key: K) => number) {
    this.size = entries.size;
    this.#entries = entries;
    let capacity = smallest;
    while (capacity < this.size * room) capacity *= 2;
    this.#mask = capacity - 1;
    this.#slots = new Array<number | K | V>(capacity * 3).fill(free);
    for (const [key, value] of entries) this.#put(hash(key), key, value);
  }

  get(key: K, hash: number): V | undefined {
    const slots = this.#slots;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const found = slots[3 * slot];
      if (found === free) return undefined;
      if (found === hash && slots[3 * slot + 1] === key) return slots[3 * slot + 2] as V;
    }
  }

  /** In the order in which they came. */
  [Symbol.iterator](): Iterator<readonly [K, V]> {
    return this.#entries[Symbol.iterator]();
  }

  values(): Iterable<V> {
    return this.#entries.values();
  }

  #put(hash: number, key: K, value: V): void {
    let slot = hash & this.#mask;
    while (this.#slots[3 * slot] !== free) slot = (slot + 1) & this.#mask;
    this.#slots[3 * slot] = hash;
    this.#slots[3 * slot + 1] = key;
    this.#slots[3 * slot + 2] = value;
  }
}

/** A name, or what remains of it behind one of its dots, with its hash. */
export interface Suffix {
  /** Where it begins in the name. */
  readonly from: number;
  readonly hash: number;
}

/** Every suffix of `name` that begins with a label, the longest, the name itself, first. */
export function suffixesOf(name: string): [Suffix, ...Suffix[]] {
  const shorter: Suffix[] = [];
  let state = seed;
  for (let at = name.length - 1; at >= 0; at--) {
    const character = name.charCodeAt(at);
    if (character === dot) shorter.push({ from: at + 1, hash: finished(state) });
    state = mixed(state, character);
  }
  return [{ from: 0, hash: finished(state) }, ...shorter.reverse()];
}

export function hashOfName(name: string): number {
  return suffixesOf(name)[0].hash;
}

export function hashOfBits(bits: bigint): number {
  const halves = bits ^ (bits >> 64n);
  return finished(mixed(seed, Number(BigInt.asIntN(32, halves ^ (halves >> 32n)))));
}

// FNV-1a, over characters from the last to the first, so that one walk hashes every suffix.
const seed = 0x811c9dc5;
const prime = 0x01000193;
const dot = 0x2e;

function mixed(state: number, value: number): number {
  return Math.imul(state ^ value, prime);
}

/** Every bit has its part in the lower ones, which choose the slot (as in the last steps of MurmurHash3). */
function finished(state: number): number {
  const once = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) & 0x7fffffff;
}
