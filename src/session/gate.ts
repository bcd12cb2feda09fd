/**
 * The last line of defence, below everything that decides: where cleartext is forbidden, nothing but EHLO, LHLO, STARTTLS
 * and QUIT leaves a connection that is not encrypted, whatever asks for it.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { printable } from '../text';

/** What may be written unencrypted (RFC 3207 section 4): one command, and nothing behind it. */
const beforeTls = /^(?:EHLO|LHLO|STARTTLS|QUIT)(?: [^\r\n]*)?\r\n$/i;

export class Gate {
  constructor(private readonly cleartext: 'allowed' | 'forbidden') {}

  /**
   * Writes, unless that is forbidden.
   *
   * @returns `full`: the connection wants to drain first. `blocked`: nothing was written
   */
  write(socket: Socket, data: string | Uint8Array): 'written' | 'full' | 'blocked' {
    if (this.cleartext === 'forbidden' && !isEncrypted(socket) && !isHarmless(data)) return 'blocked';
    return socket.write(data) ? 'written' : 'full';
  }
}

/** What was kept back, for people: the verb alone. */
export function verbOf(data: string | Uint8Array): string {
  return typeof data === 'string' ? printable(data.split(/[ \r]/)[0] ?? '', 20) : 'the message';
}

function isEncrypted(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.encrypted;
}

function isHarmless(data: string | Uint8Array): boolean {
  return typeof data === 'string' && beforeTls.test(data);
}
