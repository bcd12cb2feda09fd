/**
 * A read-only hash table whose hash, key and value lie side by side, so that looking for one of 100,000 keys fetches two or
 * three lines of memory that the processor has not at hand. A `Map` takes about twice as many: its chains lead through entries
 * and keys that only happen to share a bucket. With many peers these fetches are nearly all that a look-up costs.
 */

/** Slots per key, at least. Every second slot is free on average, so that a search ends after one or two. */
const room = 2;
const smallest = 8;
/** Elements per slot: hash, key, value. */
const slotSize = 3;
const free = -1;

export class Table<K extends string | bigint, V> {
  readonly size: number;
  /** For each slot the hash, or `free`, then key and value. */
  readonly #slots: unknown[];
  readonly #mask: number;

  /** @param hash gives a non-negative integer below 2³¹; look-ups hand it over beside the key */
  constructor(entries: ReadonlyMap<K, V>, hash: (key: K) => number) {
    let capacity = smallest;
    while (capacity < entries.size * room) capacity *= 2;
    this.size = entries.size;
    this.#mask = capacity - 1;
    this.#slots = new Array<unknown>(capacity * slotSize).fill(free);
    for (const [key, value] of entries) this.#put(hash(key), key, value);
  }

  get(key: K, hash: number): V | undefined {
    const slots = this.#slots;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * slotSize;
      const found = slots[at];
      if (found === free) return undefined;
      if (found === hash && slots[at + 1] === key) return slots[at + 2] as V;
    }
  }

  /** In no particular order. */
  *[Symbol.iterator](): Generator<[K, V]> {
    const slots = this.#slots;
    for (let at = 0; at < slots.length; at += slotSize) {
      if (slots[at] !== free) yield [slots[at + 1] as K, slots[at + 2] as V];
    }
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value;
  }

  #put(hash: number, key: K, value: V): void {
    const slots = this.#slots;
    let slot = hash & this.#mask;
    while (slots[slot * slotSize] !== free) slot = (slot + 1) & this.#mask;
    slots[slot * slotSize] = hash;
    slots[slot * slotSize + 1] = key;
    slots[slot * slotSize + 2] = value;
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
