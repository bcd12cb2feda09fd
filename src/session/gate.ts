/**
 * The last line of defence, below everything that decides: where cleartext is forbidden, nothing but EHLO, LHLO, STARTTLS
 * and QUIT leaves a connection that is not encrypted, whatever asks for it, and nothing at all once the handshake has begun.
 *
 * It stands on the TCP connection itself. What goes through TLS does not pass here: Node hands that to the system directly.
 */
import type { Socket } from 'node:net';
import { printable } from '../text';

/** What may be written unencrypted (RFC 3207 section 4): one command, and nothing behind it. */
const beforeTls = /^(?:EHLO|LHLO|STARTTLS|QUIT)(?: [^\r\n]*)?\r\n$/i;

export class Gate {
  #handshake: 'not_begun' | 'begun' = 'not_begun';

  /** @param onBlocked told what was kept back, by its verb alone */
  constructor(
    socket: Socket,
    private readonly cleartext: 'allowed' | 'forbidden',
    private readonly onBlocked: (verb: string) => void,
  ) {
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = (data: unknown, ...rest: unknown[]) => {
      if (this.#maySend(data)) return write(data, ...rest);
      this.onBlocked(verbOf(data));
      return false;
    };
    // Last words do not go through `write`.
    const end = socket.end.bind(socket) as (...args: unknown[]) => Socket;
    socket.end = (data?: unknown, ...rest: unknown[]) => {
      const isSilent = data === undefined || data === null || typeof data === 'function';
      if (isSilent || this.#maySend(data)) return end(data, ...rest);
      this.onBlocked(verbOf(data));
      return socket;
    };
  }

  /** From here on the connection belongs to TLS. */
  close(): void {
    this.#handshake = 'begun';
  }

  #maySend(data: unknown): boolean {
    if (this.#handshake === 'begun') return false;
    return this.cleartext === 'allowed' || (typeof data === 'string' && beforeTls.test(data));
  }
}

function verbOf(data: unknown): string {
  return typeof data === 'string' ? printable(data.split(/[ \r]/)[0] ?? '', 20) : 'the message';
}
