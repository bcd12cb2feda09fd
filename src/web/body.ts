/** The bodies of forms. Nothing else is taken. */
import type { IncomingMessage } from 'node:http';

/** Octets, and milliseconds until all of them are there. */
const most = 4_096;
const deadlineMs = 5_000;

/** @returns `undefined` where it is too long, too late, or no form */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return undefined;
  if (Number(request.headers['content-length'] ?? 0) > most) return undefined;
  const pieces: Buffer[] = [];
  let octets = 0;
  const timer = setTimeout(() => request.destroy(), deadlineMs);
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      octets += piece.length;
      if (octets > most) return undefined;
      pieces.push(piece);
    }
    return new URLSearchParams(Buffer.concat(pieces).toString('utf8'));
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
