/**
 * A piece of a file of the record as Redis holds it: compressed, and signed where the fleet has a key.
 *
 * A signature is of what the piece comes from and of all octets of the file up to its end, so that no piece can be changed, left
 * out between others, moved, or used for another file or day. What it cannot tell is that the last ones are missing.
 */
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Day } from '../../peers/day';
import * as secret from '../secret';

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
const signatureLength = 32;
const purpose = 'evidence';

export async function sealed(
  raw: Buffer,
  end: PieceEnd,
  secrets: secret.Secrets | undefined,
): Promise<Buffer> {
  const data = await compress(raw);
  if (secrets === undefined) return Buffer.concat([Buffer.of(form.plain), data]);
  const signature = Buffer.from(secret.sign(secrets, purpose, partsOf(end)), 'base64url');
  return Buffer.concat([Buffer.of(form.signed), signature, data]);
}

export interface Opened {
  readonly raw: Buffer;
  /** Absent where it is not signed. */
  readonly signature: Buffer | undefined;
}

/** @returns `undefined` where it is no piece of ours, or too long */
export async function opened(piece: Buffer): Promise<Opened | undefined> {
  const hasSignature = piece[0] === form.signed;
  if (!hasSignature && piece[0] !== form.plain) return undefined;
  const begin = hasSignature ? 1 + signatureLength : 1;
  try {
    const raw = await decompress(piece.subarray(begin), { maxOutputLength: 2 * pieceOctets });
    return { raw, signature: hasSignature ? piece.subarray(1, begin) : undefined };
  } catch {
    return undefined;
  }
}

export function isSigned({ signature }: Opened, end: PieceEnd, secrets: secret.Secrets): boolean {
  if (signature === undefined) return false;
  return secret.isSigned(secrets, purpose, partsOf(end), signature.toString('base64url'));
}

function partsOf({ day, file, octets, digest }: PieceEnd): (string | number)[] {
  return [day, file, octets, digest];
}
