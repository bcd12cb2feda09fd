/**
 * What a session reads and writes: the TCP connection first, and the TLS connection behind STARTTLS. Each has a reader of its
 * own, so that nothing that came in cleartext is read as if it came through TLS. Both stand behind the gate.
 */
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { ReplyReader, type ReplyEvent } from '../smtp/reply';
import type { HandshakeTerms } from '../tls/handshake_terms';
import { Gate } from './gate';
import { beginHandshake, type Handshake } from './handshake';

export interface ChannelListener {
  /** A reply, or what cannot be one. */
  received(event: ReplyEvent): void;
  /** What was written has gone. */
  drained(): void;
  /** Either side's connection broke. */
  failed(error: unknown): void;
  /** The peer says nothing more. */
  closed(): void;
  /** Something would have gone out without TLS that meets what was required, and did not. */
  keptBack(verb: string): void;
}

export class Channel {
  #socket: Socket;
  #reader = new ReplyReader();
  readonly #gate: Gate;
  #closed = false;

  readonly #connection: Socket;
  readonly #listener: ChannelListener;

  /** @param connection connected; from `open` on no one else hears of it */
  constructor(connection: Socket, cleartext: 'allowed' | 'forbidden', listener: ChannelListener) {
    this.#connection = connection;
    this.#listener = listener;
    this.#socket = connection;
    this.#gate = new Gate(connection, cleartext, (verb) => listener.keptBack(verb));
  }

  /** Takes the connection over from whoever made it. */
  open(): void {
    const connection = this.#connection;
    for (const name of others) connection.removeAllListeners(name);
    connection.setTimeout(0);
    connection.setNoDelay(true);
    this.#watch(connection);
    this.#listen(connection);
    if (connection.destroyed) this.#listener.closed();
  }

  write(data: string | Uint8Array): 'written' | 'full' {
    return this.#socket.destroyed || this.#socket.write(data) ? 'written' : 'full';
  }

  /** Whether the peer has begun a reply that it has not ended. */
  isWithinReply(): boolean {
    return this.#reader.isWithinReply();
  }

  /** Whether what is written goes through TLS that meets what was required. */
  isVerified(): boolean {
    return this.#gate.isOpen();
  }

  /** From here on nothing goes out, until `startTls` and `verified`. @returns whether that is so for the first time */
  closeForTls(): boolean {
    if (!this.#gate.close()) return false;
    for (const name of ['data', 'end', 'drain']) this.#connection.removeAllListeners(name);
    this.#reader = new ReplyReader();
    return true;
  }

  /**
   * @param done the handshake is complete, and not yet held to anything
   * @throws whatever OpenSSL has against the options
   */
  startTls(options: ConnectionOptions, terms: HandshakeTerms, done: (handshake: Handshake) => void): void {
    const handshake = beginHandshake(this.#connection, options, terms);
    this.#gate.guard(handshake.socket);
    this.#socket = handshake.socket;
    this.#watch(handshake.socket);
    handshake.socket.once('secureConnect', () => done(handshake));
    this.#listen(handshake.socket);
  }

  /** The handshake was held to what was required. */
  verified(): void {
    this.#gate.open();
  }

  /** From here on, whatever was allowed before. */
  forbidCleartext(): void {
    this.#gate.forbidCleartext();
  }

  ref(): void {
    this.#connection.ref();
  }

  /** It must not keep a process from ending. */
  unref(): void {
    this.#connection.unref();
  }

  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
    this.#connection.destroy();
  }

  /** For ever: an error that nobody listens to would end the process. */
  #watch(socket: Socket): void {
    socket.on('error', (error) => this.#listener.failed(error));
    socket.on('close', () => this.#listener.closed());
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('end', () => this.#listener.closed());
    socket.on('drain', () => this.#listener.drained());
  }

  #receive(chunk: Uint8Array): void {
    const reader = this.#reader;
    for (const event of reader.push(chunk)) {
      this.#listener.received(event);
      // Behind STARTTLS another one reads.
      if (this.#reader !== reader || this.#closed) return;
    }
  }
}

/** Listeners of whoever made the connection. */
const others = ['data', 'connect', 'secureConnect', 'secure', 'end', 'close', 'drain', 'error', 'timeout'];
