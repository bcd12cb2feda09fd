/**
 * SMTP replies (RFC 5321 section 4.2): one or more lines, each a code of three digits and text, where a hyphen behind the
 * code says that another line follows. The first digit decides what a reply means; the text may be empty.
 *
 * What a peer sends is bounded: a line of 4 KB, a reply of 64 KB and 200 lines. RFC 5321 section 4.5.3.1.5 asks for 512
 * octets a line. The work is linear in the octets, however they arrive. Pure.
 */
import { printable } from '../text';

export interface Reply {
  /** Three digits, the first of them 2 to 5. Lines may differ in the others; the last one counts. */
  readonly code: string;
  /** What follows the code and its separator, a line each; never empty. */
  readonly lines: readonly string[];
}

export type ReplyEvent =
  | {
      readonly kind: 'reply';
      readonly reply: Reply;
      /** Octets that follow in the same chunk. */
      readonly excess: number;
    }
  /** What the peer sent is no reply; nothing can be read after it. `text` says what it was. */
  | { readonly kind: 'malformed'; readonly text: string };

/** Octets of a line, without its end. */
export const maxLineLength = 4096;
/** Octets of a reply. */
export const maxReplyLength = 64 * 1024;
export const maxReplyLines = 200;

const replyLine = /^([2-5]\d\d)(?:([ -])(.*))?$/s;
const newline = 0x0a;
const carriageReturn = 0x0d;
const lineTooLong = `a line of more than ${maxLineLength} octets`;

/** Collects whole replies from chunks. */
export class ReplyReader {
  /** The beginning of a line, as it came. */
  #pieces: Uint8Array[] = [];
  #pieceOctets = 0;
  #lines: string[] = [];
  #replyOctets = 0;
  #firstDigit = '';
  #dead = false;

  /** Every reply that `chunk` completes, in order; nothing after what is malformed. */
  *push(chunk: Uint8Array): Generator<ReplyEvent, void, void> {
    let start = 0;
    while (!this.#dead && start < chunk.length) {
      const end = chunk.indexOf(newline, start);
      const piece = chunk.subarray(start, end < 0 ? chunk.length : end);
      if (this.#pieceOctets + piece.length > maxLineLength + 1) {
        yield this.#malformed(lineTooLong);
        return;
      }
      this.#pieces.push(piece);
      this.#pieceOctets += piece.length;
      if (end < 0) return;
      start = end + 1;
      const event = this.#line(chunk.length - start);
      if (event !== undefined) yield event;
    }
  }

  /** Whether a reply has begun, and not ended. */
  isWithinReply(): boolean {
    return this.#pieceOctets > 0 || this.#lines.length > 0;
  }

  #line(excess: number): ReplyEvent | undefined {
    const raw = Buffer.concat(this.#pieces, this.#pieceOctets);
    this.#pieces = [];
    this.#replyOctets += this.#pieceOctets + 1;
    this.#pieceOctets = 0;
    const length = raw.at(-1) === carriageReturn ? raw.length - 1 : raw.length;
    if (length > maxLineLength) return this.#malformed(lineTooLong);
    const line = raw.toString('utf8', 0, length);
    const match = replyLine.exec(line);
    if (match === null) return this.#malformed(`something that is no SMTP reply: ${printable(line, 80)}`);
    const [, code = '', separator = ' ', text = ''] = match;
    if (this.#replyOctets > maxReplyLength) {
      return this.#malformed(`a reply of more than ${maxReplyLength / 1024} KB`);
    }
    if (this.#lines.length >= maxReplyLines) {
      return this.#malformed(`a reply of more than ${maxReplyLines} lines`);
    }
    // RFC 5321 section 4.2.1: the codes of one reply are the same. One that says yes and no says nothing.
    if (this.#lines.length > 0 && !code.startsWith(this.#firstDigit)) {
      return this.#malformed(`a reply that contradicts itself: ${printable(line, 80)}`);
    }
    this.#firstDigit = code.slice(0, 1);
    this.#lines.push(text);
    if (separator === '-') return undefined;
    const reply: Reply = { code, lines: this.#lines };
    this.#lines = [];
    this.#replyOctets = 0;
    return { kind: 'reply', reply, excess };
  }

  #malformed(text: string): ReplyEvent {
    this.#dead = true;
    this.#pieces = [];
    this.#lines = [];
    return { kind: 'malformed', text };
  }
}

/** What the first digit of a code says (RFC 5321 section 4.2.1). */
export type ReplyClass = 'positive' | 'intermediate' | 'transient' | 'permanent';

export function classOf({ code }: Reply): ReplyClass {
  switch (code[0]) {
    case '2':
      return 'positive';
    case '3':
      return 'intermediate';
    case '4':
      return 'transient';
    default:
      return 'permanent';
  }
}

/** What a peer said to one command, in the form in which logs and DSNs show it. */
export interface Answer {
  readonly code: string;
  /** The enhanced status code (RFC 3463) of the last line that has one of the reply's class; empty where there is none. */
  readonly status: string;
  /** One line of printable characters, at most 1,000 octets in UTF-8. */
  readonly text: string;
  /** It is ours: the peer was not asked, or did not say. */
  readonly own?: true;
}

/** Octets. */
const longestText = 1000;

/** RFC 3463 section 2, at the beginning of a line's text; some servers put a `#` before it. */
const enhancedStatus = /^#?([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)/;

export function answerOf({ code, lines }: Reply): Answer {
  const statuses = lines.flatMap((line) => enhancedStatus.exec(line)?.[1] ?? []);
  const text = lines.map(withoutStatus).join(' ');
  return {
    code,
    status: statuses.findLast((status) => status.startsWith(code.slice(0, 1))) ?? '',
    text: cut(printable(text, longestText)),
  };
}

/** A character may be three octets, and its escape nine. */
function cut(text: string): string {
  if (Buffer.byteLength(text) <= longestText) return text;
  const dots = '...';
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(longestText - dots.length));
  return text.slice(0, read) + dots;
}

export function withoutStatus(line: string): string {
  return line.replace(enhancedStatus, '').trimEnd();
}

/** For people: `550 5.1.1 No such user`, cut to `limit` characters. */
export function answerText({ code, status, text }: Answer, limit = 120): string {
  return printable([code, status, text].filter((part) => part !== '').join(' '), limit);
}
