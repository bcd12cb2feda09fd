/** SMTP replies as the cleartext part of a session sees them (RFC 5321 section 4.2). Pure. */

export interface ReplyLine {
  readonly code: string;
  readonly last: boolean;
  /** All that follows the code and its separator. */
  readonly rest: string;
  /** `rest` without an enhanced status code, which Haraka's own parser skips as well. */
  readonly text: string;
}

export interface Reply {
  readonly code: string;
  readonly lines: readonly ReplyLine[];
}

export type ReplyEvent =
  | {
      readonly kind: 'reply';
      readonly reply: Reply;
      /** Bytes that follow in the same packet. */ readonly excess: number;
    }
  | { readonly kind: 'malformed'; readonly seen: string };

/** The grammar that Haraka applies to a reply line; a line that it reads differently from us would be a way in. */
const replyLine = /^([2345]\d\d)([ -])(#?(?:\d\.\d\.\d\s)?(.*))$/;

/** A reply before TLS needs few and short lines; anything beyond is no mail server. */
const maxLineLength = 4096;
const maxLines = 128;

/** Collects complete replies from chunks. Lines are kept as latin1, so that no byte is lost or merged. */
export class ReplyReader {
  private buffered = '';
  private lines: ReplyLine[] = [];

  /** Every reply that `chunk` completes, in order; nothing after a malformed line. */
  *push(chunk: Uint8Array): Generator<ReplyEvent> {
    this.buffered += Buffer.from(chunk).toString('latin1');
    for (;;) {
      const end = this.buffered.indexOf('\n');
      if (end < 0) {
        if (this.buffered.length > maxLineLength) yield this.malformed(this.buffered);
        return;
      }
      const raw = this.buffered.slice(0, end);
      this.buffered = this.buffered.slice(end + 1);
      const event = this.line(raw.endsWith('\r') ? raw.slice(0, -1) : raw);
      if (event === undefined) continue;
      yield event;
      if (event.kind === 'malformed') return;
    }
  }

  private line(raw: string): ReplyEvent | undefined {
    const match = replyLine.exec(raw);
    const [, code, separator, rest, text] = match ?? [];
    if (code === undefined || rest === undefined || text === undefined || raw.length > maxLineLength) {
      return this.malformed(raw);
    }
    if (this.lines.length >= maxLines || this.lines.some((line) => line.code !== code))
      return this.malformed(raw);
    const last = separator === ' ';
    this.lines.push({ code, rest, text, last });
    if (!last) return undefined;
    const reply: Reply = { code, lines: this.lines };
    this.lines = [];
    return { kind: 'reply', reply, excess: this.buffered.length };
  }

  private malformed(seen: string): ReplyEvent {
    this.buffered = '';
    return { kind: 'malformed', seen };
  }
}

/** Whether an EHLO or LHLO reply offers STARTTLS. The first line is the greeting, never a capability. */
export function offersStartTls(reply: Reply): boolean {
  return reply.lines.slice(1).some(isStartTls);
}

/**
 * The lines of an EHLO reply as Haraka is to see them: the capability STARTTLS in its plain form or not at all, and a
 * greeting that cannot be taken for it. The others are as the peer sent them: Haraka skips an enhanced status code itself,
 * and would skip a second one to find STARTTLS behind it.
 */
export function presentEhlo(reply: Reply, startTls: 'offered' | 'hidden'): string[] {
  const [greeting, ...capabilities] = reply.lines;
  const texts = [greeting === undefined || isStartTls(greeting) ? 'ok' : greeting.rest];
  for (const line of capabilities) if (!isStartTls(line)) texts.push(line.rest);
  if (startTls === 'offered') texts.push('STARTTLS');
  return texts.map((text, index) => `${reply.code}${index === texts.length - 1 ? ' ' : '-'}${text}\r\n`);
}

/** A reply unchanged, line by line. */
export function present(reply: Reply): string[] {
  return reply.lines.map((line) => `${reply.code}${line.last ? ' ' : '-'}${line.rest}\r\n`);
}

function isStartTls(line: ReplyLine): boolean {
  return line.text.trim().toUpperCase() === 'STARTTLS';
}
