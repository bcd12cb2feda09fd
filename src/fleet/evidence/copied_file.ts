/** Reads a file of the record from Redis, piece by piece. Nothing that stands there is believed. */
import { damagedText } from '../../day_files/text_lines';
import { isPeerKey } from '../../evidence/peer_name';
import { evidenceHeader, parseCountsLine, type CountsOfPeer } from '../../evidence/lines';
import type { Day } from '../../peers/day';
import type { FleetRedis } from '../connection';
import type { Secrets } from '../secret';
import { digestOf, newDigest, type CopyState } from './copy_state';
import { piecesKey } from './keys';
import { isSigned, opened } from './piece';
import { mostPieces, piecesFrom } from './scripts';

export interface CopiedFile {
  readonly redis: FleetRedis;
  readonly day: Day;
  readonly file: string;
  readonly state: CopyState;
  /** What is not signed with one of them does not count. */
  readonly secrets: Secrets | undefined;
  /** Milliseconds for one answer. */
  readonly patience: number;
}

export interface CopyRead {
  /** `unread`: something of it is missing, of which nobody knows what it was. */
  readonly kind: 'read' | 'unread';
  /** Empty for nothing. */
  readonly problem: string;
}

/** Of one kind at one peer in a day; and characters of a line and octets of a file, which nothing of ours comes near. */
const mostCounted = 1e12;
const longestLine = 16_384;
const longestFile = 1 << 30;

/**
 * @param take is told of each line; `false` where no more can be taken
 * @throws Error where Redis does not answer
 */
export async function copiedFile(
  copied: CopiedFile,
  take: (counts: CountsOfPeer) => boolean,
): Promise<CopyRead> {
  const { redis, day, file, state, secrets, patience } = copied;
  if (state.pieces > mostPieces || state.octets > longestFile) return unread('too large, left out');
  const list = piecesKey(redis, day, file);
  const hash = newDigest();
  let [at, octets, damaged] = [0, 0, 0];
  while (at < state.pieces) {
    const pieces = await redis.run(patience, (client) => piecesFrom(client, list, at, state.pieces));
    if (pieces.length === 0) return unread('a part of it is gone from Redis');
    for (const piece of pieces) {
      const found = await opened(piece);
      if (found === undefined) return unread('a damaged piece of it, and what follows, is left out');
      octets += found.raw.length;
      const end = { day, file, octets, digest: digestOf(hash.update(found.raw)) };
      if (octets > longestFile) return unread('too large, left out from there');
      if (secrets !== undefined && !isSigned(found, end, secrets))
        return unread('not signed with the key of this fleet, and left out from there');
      const lines = found.raw.toString('latin1').split('\n');
      if (at === 0) {
        const problem = headerProblem(day, lines.shift() ?? '');
        if (problem !== '') return unread(problem);
      }
      for (const line of lines) {
        if (line === '') continue;
        const counts = countsOf(line);
        if (counts === undefined) damaged += 1;
        else if (!take(counts)) return unread('more peers than can be taken from Redis, left out from there');
      }
      at += 1;
    }
  }
  return { kind: 'read', problem: damagedText(damaged) };
}

function unread(problem: string): CopyRead {
  return { kind: 'unread', problem };
}

function headerProblem(day: Day, line: string): string {
  const header = evidenceHeader.parse(line);
  if (header.kind === 'newer') return `written by a later release (format ${header.version}), left alone`;
  return header.kind === 'foreign' || header.day !== day ? 'no file of this record' : '';
}

function countsOf(line: string): CountsOfPeer | undefined {
  if (line.length > longestLine) return undefined;
  const parsed = parseCountsLine(line);
  if (parsed === undefined || !isPeerKey(parsed.key)) return undefined;
  return parsed.counts.every(([kind, count]) => kind.length <= 64 && count <= mostCounted)
    ? parsed
    : undefined;
}
