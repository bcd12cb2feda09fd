/** The message on its way: from a stream that holds it dot-stuffed (RFC 5321 section 4.5.2), without the final dot. */
import type { Readable } from 'node:stream';
import { messageOf } from '../text';

/** Where the message goes: takes a piece, and says whether it wants a pause. */
type Take = (piece: Uint8Array) => 'written' | 'full';

export type Sent = { readonly kind: 'whole' } | { readonly kind: 'unreadable'; readonly text: string };

const crlf = Buffer.from('\r\n');

/** Reads a message and hands it on, no faster than it is taken. */
export class MessageSource {
  #tail = Buffer.alloc(0);
  #octets = 0;
  #over = false;

  readonly #stream: Readable;
  readonly #expected: number | 'unknown';
  readonly #take: Take;
  readonly #done: (sent: Sent) => void;

  /**
   * @param expected octets that the stream should have: the beginning of a message is no message
   * @param done once: all of it was handed on, or it cannot be read. Not after `stop`.
   */
  constructor(stream: Readable, expected: number | 'unknown', take: Take, done: (sent: Sent) => void) {
    this.#stream = stream;
    this.#expected = expected;
    this.#take = take;
    this.#done = done;
    if (!stream.readable) {
      this.#finish({
        kind: 'unreadable',
        text: stream.errored?.message ?? 'it was closed before it was read',
      });
      return;
    }
    stream.on('data', (piece: Uint8Array) => this.#hand(piece));
    stream.once('end', () => this.#end());
    stream.on('error', (error) => this.#finish({ kind: 'unreadable', text: error.message }));
    // A stream that was destroyed says neither.
    stream.once('close', () => this.#finish({ kind: 'unreadable', text: 'it was closed while it was read' }));
  }

  /** The connection has drained. */
  resume(): void {
    if (!this.#over) this.#stream.resume();
  }

  stop(): void {
    this.#over = true;
    this.#stream.destroy();
  }

  #hand(piece: Uint8Array): void {
    if (this.#over || piece.length === 0) return;
    this.#octets += piece.length;
    this.#tail = Buffer.concat([this.#tail, piece.subarray(-2)]).subarray(-2);
    if (this.#take(piece) === 'full') this.#stream.pause();
  }

  /** The final dot stands on a line of its own. */
  #end(): void {
    if (this.#over) return;
    if (this.#expected !== 'unknown' && this.#octets < this.#expected) {
      const text = `it ends after ${this.#octets} of ${this.#expected} octets`;
      this.#finish({ kind: 'unreadable', text });
      return;
    }
    if (this.#tail.length > 0 && !this.#tail.equals(crlf)) this.#take(crlf);
    this.#finish({ kind: 'whole' });
  }

  #finish(sent: Sent): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(sent);
  }
}

const dot = 0x2e;
const newline = 0x0a;

/** Octets of a message as RFC 1870 counts them: doubled dots once. Rejects where it cannot be read. */
export async function measure(stream: Readable): Promise<number> {
  let octets = 0;
  let atLineStart = true;
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    octets += piece.length;
    for (const octet of piece) {
      if (atLineStart && octet === dot) octets -= 1;
      atLineStart = octet === newline;
    }
  }
  return octets;
}

/** What a session reads of its message, one thing at a time: first how long it is, then what it says. */
export class Outgoing {
  #source: MessageSource | undefined;
  #counted: Readable | undefined;

  readonly #message: () => Readable;

  /** @param message for each call a stream of its own */
  constructor(message: () => Readable) {
    this.#message = message;
  }

  /** Octets as RFC 1870 counts them. Rejects where they cannot be counted; throws where they were counted already. */
  measure(): Promise<number> {
    if (this.#counted !== undefined) throw new Error('the message was to be measured twice');
    this.#counted = this.#message();
    return measure(this.#counted);
  }

  /** See `MessageSource`. Throws where it was sent already. */
  send(expected: number | 'unknown', take: Take, done: (sent: Sent) => void): void {
    if (this.#source !== undefined) throw new Error('the message was to be sent twice');
    try {
      this.#source = new MessageSource(this.#message(), expected, take, done);
    } catch (error) {
      done({ kind: 'unreadable', text: messageOf(error) });
    }
  }

  /** The connection has drained. */
  resume(): void {
    this.#source?.resume();
  }

  stopMeasuring(): void {
    this.#counted?.destroy();
  }

  stopSending(): void {
    this.#source?.stop();
  }
}
