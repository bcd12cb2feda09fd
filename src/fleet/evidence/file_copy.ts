/** One file of the record, and what Redis has of it: reads on from there, and sends what is missing. */
import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { openOurs } from '../../day_files/text_lines';
import type { Day } from '../../peers/day';
import type { Owner } from '../../state/owner';
import type { Secrets } from '../secret';
import { digestOf, newDigest, parseState, signerOf, stateText, type CopyState } from './copy_state';
import { pieceOctets, sealed } from './piece';

export interface CopySource {
  readonly path: string;
  readonly id: string;
  readonly day: Day;
}

export interface CopyTarget {
  readonly owner: Owner;
  readonly host: string;
  readonly secrets: Secrets | undefined;
  /** @returns what Redis has now */
  publish(one: Sending): Promise<string>;
}

export interface Sending {
  readonly expected: string;
  readonly state: string;
  readonly how: 'more' | 'whole';
  readonly pieces: readonly Buffer[];
}

/** Where the reading stands: these octets are hashed, and are in Redis. */
interface Position {
  readonly octets: number;
  readonly pieces: number;
  readonly hash: Hash;
}

/** Compressed octets that are sent at a time. */
const sentAtOnce = 1 << 20;

/** Pieces of a file that still grows; beyond, all is sent anew in a few. A day that is over is put together sooner. */
const manyPieces = 1_024;
const spare = 8;

/**
 * What it takes to send a file whole, in milliseconds: Redis may lose it again at once, and again. A few times in a row it is
 * sent; in the long run never more often than this.
 */
const wholeCost = { each: 1_000, perOctet: 1 / 256, inARow: 10_000 } as const;

/** Times that what Redis has may differ from what it had a moment ago. */
const mostTries = 3;

/** Milliseconds after which what is written is all there is, also without the end of a line. */
const settled = 60_000;

export class FileCopy {
  readonly source: CopySource;
  /** What Redis has, empty for nothing; absent where it is to be asked. */
  known: string | undefined;
  #position: Position | undefined;
  /** The file that the position is in. */
  #inode = '';
  #inStep = '';
  /** When what was sent whole so far is made good. */
  #paidUntil = 0;

  constructor(source: CopySource) {
    this.source = source;
  }

  /** @param stamp of the file as it is now. @param isOver whether its day is */
  isInStep(stamp: string, isOver: boolean): boolean {
    const isSent = this.known !== undefined && this.#inStep === `${stamp} ${this.known}`;
    return isSent && !isScattered(parseState(this.known ?? ''), isOver);
  }

  /**
   * Sends what Redis has not. The file may grow meanwhile.
   *
   * @returns octets that were sent
   * @throws Error where it cannot be sent now; what Redis has is to be asked for then
   */
  async send(target: CopyTarget, stamp: string, isOver: boolean): Promise<number> {
    const file = await openOurs(this.source.path, target.owner);
    // Who reads the record here is told what is wrong with it.
    if ('problem' in file) return 0;
    try {
      const { ino, birthtimeNs, size, mtimeMs } = await file.handle.stat({ bigint: true });
      const inode = `${ino} ${birthtimeNs}`;
      if (inode !== this.#inode || size < (this.#position?.octets ?? 0)) this.#position = undefined;
      this.#inode = inode;
      const isWhole = Date.now() - Number(mtimeMs) > settled;
      const signer = signerOf(target.secrets);
      let sent = 0;
      for (let tries = 0; tries < mostTries; tries++) {
        const from = await this.#begin(file.handle, Number(size), signer, isOver);
        if (from.octets === 0 && !this.#maySendWhole()) return sent;
        const outcome = await this.#sendFrom(file.handle, from, target, isWhole);
        if (from.octets === 0) this.#paidUntil += outcome.octets * wholeCost.perOctet;
        sent += outcome.octets;
        if (outcome.kind === 'differs') continue;
        this.#inStep = `${stamp} ${this.known}`;
        break;
      }
      return sent;
    } catch (error) {
      this.known = undefined;
      throw error;
    } finally {
      await file.handle.close();
    }
  }

  #maySendWhole(): boolean {
    const now = performance.now();
    if (this.#paidUntil > now + wholeCost.inARow) return false;
    this.#paidUntil = Math.max(this.#paidUntil, now) + wholeCost.each;
    return true;
  }

  /** Behind what Redis has, where that is the beginning of the file; else at its beginning. */
  async #begin(handle: FileHandle, size: number, signer: string, isOver: boolean): Promise<Position> {
    const state = parseState(this.known ?? '');
    const beginning = { octets: 0, pieces: 0, hash: newDigest() };
    if (state === undefined || state.octets > size || state.signer !== signer) return beginning;
    if (isScattered(state, isOver)) return beginning;
    const { octets, pieces, digest } = state;
    const at = this.#position;
    if (at?.octets === octets && at.pieces === pieces && digestOf(at.hash) === digest) return at;
    const hash = newDigest();
    for (let read = 0; read < octets;) {
      const part = await partOf(handle, read, Math.min(pieceOctets, octets - read));
      if (part.length === 0) return beginning;
      hash.update(part);
      read += part.length;
    }
    return digestOf(hash) === digest ? { octets, pieces, hash } : beginning;
  }

  async #sendFrom(
    handle: FileHandle,
    from: Position,
    target: CopyTarget,
    isWhole: boolean,
  ): Promise<{ readonly kind: 'sent' | 'differs'; readonly octets: number }> {
    const { id, day } = this.source;
    let [at, sent] = [from, 0];
    for (;;) {
      const how = at.octets === 0 ? 'whole' : 'more';
      const pieces: Buffer[] = [];
      let octets = 0;
      while (octets < sentAtOnce) {
        const part = await partOf(handle, at.octets, pieceOctets);
        const raw = isWhole ? part : wholeLines(part);
        if (raw.length === 0) break;
        const hash = at.hash.copy().update(raw);
        at = { octets: at.octets + raw.length, pieces: at.pieces + 1, hash };
        const end = { day, file: id, octets: at.octets, digest: digestOf(hash) };
        const piece = await sealed(raw, end, target.secrets);
        pieces.push(piece);
        octets += piece.length;
      }
      if (pieces.length === 0) return { kind: 'sent', octets: sent };
      const signer = signerOf(target.secrets);
      const state = stateText({ ...at, digest: digestOf(at.hash), signer, host: target.host });
      this.known = await target.publish({ expected: this.known ?? '', state, how, pieces });
      if (this.known !== state) return { kind: 'differs', octets: sent };
      this.#position = at;
      sent += octets;
    }
  }
}

/** Whether it is better sent anew, in fewer pieces. */
function isScattered(state: CopyState | undefined, isOver: boolean): boolean {
  if (state === undefined) return false;
  return state.pieces > (isOver ? spare + (2 * state.octets) / pieceOctets : manyPieces);
}

async function partOf(handle: FileHandle, from: number, octets: number): Promise<Buffer> {
  const part = Buffer.allocUnsafe(octets);
  const { bytesRead } = await handle.read(part, 0, octets, from);
  return part.subarray(0, bytesRead);
}

/** Without the beginning of a line that is being written. A line that is longer than that is none of ours. */
function wholeLines(part: Buffer): Buffer {
  if (part.length === pieceOctets && !part.includes(0x0a)) return part;
  return part.subarray(0, part.lastIndexOf(0x0a) + 1);
}
