/**
 * What Redis says that it holds of one file of the record: its first so many octets, in pieces, and their digest. Pure.
 *
 * Files grow at their end, or are replaced whole. So the digest tells whether what is in Redis is the beginning of the file as
 * it is now, and what is missing is the rest of the file: nothing has to be kept for Redis beside the files.
 */
import { createHash, type Hash } from 'node:crypto';
import { sign, type Secrets } from '../secret';

export interface CopyState {
  readonly octets: number;
  readonly pieces: number;
  /** Of these octets. */
  readonly digest: string;
  /** Which secret has signed the pieces, as `signerOf` has it. */
  readonly signer: string;
  /** What the host is called that has the file; for people alone. */
  readonly host: string;
}

const digestLength = 32;
const pattern = /^1 (\d{1,15}) (\d{1,9}) ([0-9a-f]{32}) ([\w-]{1,10}) ([\x21-\x7e]{1,255})$/;

/** Characters of the longest of them. */
export const longestState = 400;

export function stateText({ octets, pieces, digest, signer, host }: CopyState): string {
  return `1 ${octets} ${pieces} ${digest} ${signer} ${host}`;
}

/** @returns `undefined` for anything else: whoever can write to Redis may have put it there */
export function parseState(text: string): CopyState | undefined {
  const [, octets, pieces, digest, signer, host] = pattern.exec(text) ?? [];
  if (digest === undefined || signer === undefined || host === undefined) return undefined;
  return { octets: Number(octets), pieces: Number(pieces), digest, signer, host };
}

/** Tells secrets apart, and nothing of them. What was signed with another is sent anew, and what was not at all. */
export function signerOf(secrets: Secrets | undefined): string {
  return secrets === undefined ? '-' : sign(secrets, 'evidence signer', []).slice(0, 10);
}

/** A name as it may stand in a state. */
export function hostWord(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, '_').slice(0, 255) || '-';
}

export function newDigest(): Hash {
  return createHash('sha256');
}

/** Of what was hashed so far. */
export function digestOf(hash: Hash): string {
  return hash.copy().digest('hex').slice(0, digestLength);
}
