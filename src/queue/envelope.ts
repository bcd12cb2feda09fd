/**
 * Who a message in Haraka's outbound queue is from, and for which domain. Its file begins with the length of a JSON text
 * (32 bits, most significant octet first), that text, and then the message (outbound/todo.js, `build_todo`). What is read was
 * written by Haraka from an envelope of anybody's.
 */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { codeOf } from '../state/error_code';
import { isMissing } from '../state/state_fault';
import { messageOf } from '../text';

export interface Envelope {
  /** Empty for the null sender. */
  readonly sender: string;
  /** As it was written, in any form. */
  readonly domain: string;
  readonly recipients: number;
}

export type EnvelopeReading =
  | { readonly kind: 'envelope'; readonly envelope: Envelope }
  /** Delivered, returned, or renamed for another attempt. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Octets: most envelopes come with the first piece. */
const firstPiece = 4096;
/** Octets: some hundred thousand recipients. */
const longest = 32 << 20;
/** Characters: RFC 5321 section 4.5.3.1.3 has 256 octets for a path. */
const longestAddress = 320;

const withoutWaiting = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Haraka follows a link in its queue, and so does who looks as Haraka's user. Root follows none: that user can have it lead to a
 * device that is nobody else's to open.
 */
function flags(): number {
  return process.geteuid?.() === 0 ? withoutWaiting | constants.O_NOFOLLOW : withoutWaiting;
}

/** Never rejects. */
export async function readEnvelope(file: string): Promise<EnvelopeReading> {
  let handle: fs.FileHandle | undefined;
  try {
    handle = await fs.open(file, flags());
    const head = Buffer.alloc(firstPiece);
    const { bytesRead } = await handle.read(head, 0, firstPiece, 0);
    if (bytesRead < 4) return unreadable('it is empty, or only begun');
    const length = head.readUInt32BE(0);
    if (length > longest) return unreadable('it does not begin with an envelope');
    const text = 4 + length <= bytesRead ? head.subarray(4, 4 + length) : await octetsOf(handle, 4, length);
    return text.length < length ? unreadable('it ends within the envelope') : envelopeIn(text.toString());
  } catch (error) {
    if (isLink(error)) return unreadable('it is a link, which root does not follow');
    return isMissing(error) ? { kind: 'gone' } : unreadable(messageOf(error));
  } finally {
    await handle?.close().catch(() => undefined);
  }
}

async function octetsOf(handle: fs.FileHandle, from: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat();
  // What a damaged length promises is not set aside for it.
  const octets = Buffer.alloc(Math.min(length, Math.max(0, size - from)));
  let read = 0;
  while (read < octets.length) {
    const { bytesRead } = await handle.read(octets, read, octets.length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return octets.subarray(0, read);
}

function isLink(error: unknown): boolean {
  return codeOf(error) === 'ELOOP';
}

function unreadable(problem: string): EnvelopeReading {
  return { kind: 'unreadable', problem };
}

function envelopeIn(text: string): EnvelopeReading {
  const value: unknown = JSON.parse(text);
  const { domain, mail_from: from, rcpt_to: to } = fieldsOf(value);
  const sender = addressIn(from);
  if (typeof domain !== 'string' || sender === undefined || !Array.isArray(to))
    return unreadable('its envelope is none of Haraka');
  return {
    kind: 'envelope',
    envelope: { sender, domain: domain.slice(0, longestAddress), recipients: to.length },
  };
}

/** As Haraka writes an address: its parts; `original` is how it was given, with angle brackets. */
function addressIn(value: unknown): string | undefined {
  const { user, host, original } = fieldsOf(value);
  const hasHost = typeof host === 'string' && host !== '';
  if (typeof user === 'string' && user !== '')
    return (hasHost ? `${user}@${host}` : user).slice(0, longestAddress);
  if (typeof original !== 'string') return undefined;
  return (/^<(.*)>$/s.exec(original)?.[1] ?? original).slice(0, longestAddress);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
