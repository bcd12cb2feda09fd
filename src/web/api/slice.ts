/** One day of the record in columns: for each peer, how often each kind was seen. Pure. */
import type { DayCounts } from '../../evidence/evidence';
import type { PeerKey } from '../../evidence/day_table';
import type { Kinds } from './kinds';

export interface Slice {
  /** Numbers of peers, ascending. */
  readonly peers: Uint32Array;
  /** Where the counts of each begin; one more than there are peers. */
  readonly starts: Uint32Array;
  readonly kinds: Uint16Array;
  readonly counts: Float64Array;
}

export interface Numbering {
  numberOf(key: PeerKey): number;
}

export function sliceOf(rows: readonly DayCounts[], peers: Numbering, kinds: Kinds): Slice {
  const numbered = rows
    .map(({ key, sightings }) => ({ number: peers.numberOf(key), sightings }))
    .sort((a, b) => a.number - b.number);
  const size = numbered.reduce((sum, { sightings }) => sum + sightings.length, 0);
  const slice = {
    peers: new Uint32Array(numbered.length),
    starts: new Uint32Array(numbered.length + 1),
    kinds: new Uint16Array(size),
    counts: new Float64Array(size),
  };
  let at = 0;
  for (const [row, { number, sightings }] of numbered.entries()) {
    slice.peers[row] = number;
    slice.starts[row] = at;
    for (const [sighting, count] of sightings) {
      slice.kinds[at] = kinds.idOf(sighting);
      slice.counts[at] = count;
      at += 1;
    }
  }
  slice.starts[numbered.length] = at;
  return slice;
}

/** The counts of one peer: the kind's number, and how often. */
export function* countsIn(slice: Slice, peer: number): Generator<readonly [kind: number, count: number]> {
  const row = rowOf(slice.peers, peer);
  if (row === undefined) return;
  const [from = 0, to = 0] = [slice.starts[row], slice.starts[row + 1]];
  for (let at = from; at < to; at++) yield [slice.kinds[at] ?? 0, slice.counts[at] ?? 0];
}

function rowOf(peers: Uint32Array, peer: number): number | undefined {
  let [low, high] = [0, peers.length - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = peers[middle] ?? 0;
    if (found === peer) return middle;
    if (found < peer) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
