/**
 * A piece of a file of the record as Redis holds it: compressed, and signed where the fleet has a key.
 *
 * A signature is of what the piece comes from and of all octets of the file up to its end, so that no piece can be changed, left
 * out between others, moved, or used for another file or day. What it cannot tell is that the last ones are missing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Day } from '../../peers/day';

/** Octets of a piece before it is compressed; and afterwards, which nothing of ours comes near. */
export const pieceOctets = 1 << 19;
export const longestPiece = pieceOctets + (1 << 12);

/** Where a piece ends: how many octets of which file stand before that, and their digest. */
export interface PieceEnd {
  readonly day: Day;
  readonly file: string;
  readonly octets: number;
  readonly digest: string;
}

const compress = promisify(deflateRaw);
const decompress = promisify(inflateRaw);

/** The first octet. */
const form = { plain: 1, signed: 2 } as const;
const signatureLength = 16;

export async function sealed(raw: Buffer, end: PieceEnd, key: Buffer | undefined): Promise<Buffer> {
  const data = await compress(raw);
  if (key === undefined) return Buffer.concat([Buffer.of(form.plain), data]);
  return Buffer.concat([Buffer.of(form.signed), signatureOf(end, key), data]);
}

export interface Opened {
  readonly raw: Buffer;
  /** Absent where it is not signed. */
  readonly signature: Buffer | undefined;
}

/** @returns `undefined` where it is no piece of ours, or too long */
export async function opened(piece: Buffer): Promise<Opened | undefined> {
  const isSigned = piece[0] === form.signed;
  if (!isSigned && piece[0] !== form.plain) return undefined;
  const begin = isSigned ? 1 + signatureLength : 1;
  try {
    const raw = await decompress(piece.subarray(begin), { maxOutputLength: 2 * pieceOctets });
    return { raw, signature: isSigned ? piece.subarray(1, begin) : undefined };
  } catch {
    return undefined;
  }
}

export function isSigned({ signature }: Opened, end: PieceEnd, key: Buffer): boolean {
  return signature?.length === signatureLength && timingSafeEqual(signature, signatureOf(end, key));
}

function signatureOf({ day, file, octets, digest }: PieceEnd, key: Buffer): Buffer {
  return createHmac('sha256', key)
    .update(`tls-peers evidence\n${day}\n${file}\n${octets}\n${digest}`)
    .digest()
    .subarray(0, signatureLength);
}
