/** The record as those see it who count, and those who read: a file store, or one that several hosts share. */
import type { Day } from '../peers/day';
import type { Direction, PeerKey } from './day_table';
import type { Sighting } from './sighting';

/** Counts. Nothing waits for it, and nothing it does is thrown. */
export interface EvidenceWriter {
  /** Inbound, a peer that no accepted message came from, and that no rule names, is one of the others. */
  add(key: PeerKey, sighting: Sighting): void;
  /** Resolves when all that was added is stored, or was tried to be. */
  flush(): Promise<void>;
  /** Why what was counted cannot be stored now; empty where all is well. */
  fault(): string;
  /** Stores what there is, at once and without waiting for anything that hangs. */
  close(): void;
}

export const uncounted: EvidenceWriter = {
  add: () => undefined,
  flush: () => Promise.resolve(),
  fault: () => '',
  close: () => undefined,
};

/** Which part of the record is asked for. */
export interface Wanted {
  readonly from: Day;
  readonly to: Day;
  /** Absent: of all. Empty: mail of no managed domain. */
  readonly managed?: string;
  readonly direction?: Direction;
  /** As in the record, or `*.` and a domain. */
  readonly peer?: string;
}

export interface DayCounts {
  readonly day: Day;
  readonly key: PeerKey;
  /** How often each kind was seen; those that this version does not know are among `strange`. */
  readonly sightings: readonly (readonly [sighting: Sighting, count: number])[];
  readonly strange: number;
}

export interface Reading {
  /** Each (day, key) once. */
  readonly rows: readonly DayCounts[];
  /** What could not be read, one line each. The rest is there. */
  readonly problems: readonly string[];
  /** Files of the window that could not be read. What is in them may be anything. */
  readonly unread: number;
}

export interface EvidenceReader {
  read(wanted: Wanted): Promise<Reading>;
}

/** Whether the filter lets a key through: a peer may be named by `*.` and a domain. */
export function isWanted(wanted: Pick<Wanted, 'managed' | 'direction' | 'peer'>, key: PeerKey): boolean {
  if (wanted.managed !== undefined && wanted.managed !== key.managed) return false;
  if (wanted.direction !== undefined && wanted.direction !== key.direction) return false;
  const { peer } = wanted;
  if (peer === undefined) return true;
  return peer.startsWith('*.') ? key.peer.endsWith(peer.slice(1)) : peer === key.peer;
}
