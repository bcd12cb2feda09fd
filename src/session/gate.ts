/**
 * The last line of defence, below everything that decides: where cleartext is forbidden, nothing but EHLO, LHLO, STARTTLS
 * and QUIT leaves a connection that is not encrypted, whatever asks for it. Once the handshake has begun nothing at all does,
 * and nothing goes through TLS before the verdict on it is in.
 *
 * It stands where a stream hands on what was written to it, so that there is no other way to write (`end`, `cork`, a pipe).
 * What TLS itself sends over the TCP connection does not pass here: Node hands that to the system directly.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What may be written unencrypted (RFC 3207 section 4): one command with no more than its one word, and nothing behind it. */
const beforeTls = /^(?:[EL]HLO [\x21-\x7e]+|STARTTLS|QUIT)\r\n$/i;

type Chunk = string | Uint8Array;
type Done = (error?: Error | null) => void;

export class Gate {
  #phase: 'before_tls' | 'handshake' | 'verified' = 'before_tls';

  #cleartext: 'allowed' | 'forbidden';
  readonly #onBlocked: (verb: string) => void;

  /** @param onBlocked told what was kept back, by its verb alone; whatever was written is gone */
  constructor(socket: Socket, cleartext: 'allowed' | 'forbidden', onBlocked: (verb: string) => void) {
    this.#cleartext = cleartext;
    this.#onBlocked = onBlocked;
    this.#stand(socket, (chunk) => this.#passesUnencrypted(chunk));
  }

  /** For a message that follows one which could do without. */
  forbidCleartext(): void {
    this.#cleartext = 'forbidden';
  }

  /** Whether it has let the session on to TLS that meets what was required. */
  isOpen(): boolean {
    return this.#phase === 'verified';
  }

  /** From here on the connection belongs to TLS. @returns whether that is so for the first time */
  close(): boolean {
    const first = this.#phase === 'before_tls';
    this.#phase = 'handshake';
    return first;
  }

  /** Holds back what is written to the TLS connection, until `open`. */
  guard(socket: TLSSocket): void {
    this.#stand(socket, () => this.#phase === 'verified');
  }

  /** The handshake was held to what was required. */
  open(): void {
    this.#phase = 'verified';
  }

  #passesUnencrypted(chunk: Chunk): boolean {
    if (this.#phase !== 'before_tls') return false;
    return this.#cleartext === 'allowed' || (typeof chunk === 'string' && beforeTls.test(chunk));
  }

  #stand(socket: Socket, passes: (chunk: Chunk) => boolean): void {
    const write = socket._write.bind(socket);
    const writeAll = socket._writev?.bind(socket);
    socket._write = (chunk: Chunk, encoding: BufferEncoding, done: Done) => {
      if (passes(chunk)) write(chunk, encoding, done);
      else this.#block([chunk], done);
    };
    if (writeAll === undefined) return;
    socket._writev = (chunks: { chunk: Chunk; encoding: BufferEncoding }[], done: Done) => {
      const blocked = chunks.map(({ chunk }) => chunk).filter((chunk) => !passes(chunk));
      if (blocked.length === 0) writeAll(chunks, done);
      else this.#block(blocked, done);
    };
  }

  /** All that was written together is kept back; to write on behind a gap would make it another command. */
  #block([first]: readonly Chunk[], done: Done): void {
    this.#onBlocked(verbOf(first));
    done(new Error('kept from being sent without TLS'));
  }
}

const verb = /^(?:[EL]HLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|BDAT|RSET|QUIT)\b/i;

/** Anything else may be part of a message, or a secret. */
function verbOf(chunk: Chunk | undefined): string {
  const named = typeof chunk === 'string' ? verb.exec(chunk)?.[0] : undefined;
  return named?.toUpperCase() ?? 'what is no command';
}
