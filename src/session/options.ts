/** What a session is given: the connection, the terms, and whom to tell. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ConnectionOptions, PeerCertificate } from 'node:tls';
import type { SessionVerdict } from '../policy/session';
import type { transition } from '../smtp/machine';
import type { Reply } from '../smtp/reply';
import type { Ready, StateName, Terms } from '../smtp/session';
import type { Timeouts } from '../smtp/timeouts';
import type { HandshakeTerms } from '../tls/handshake_terms';
import type { TlsSession } from '../tls/session';
import type { TimeBudget } from './time_budget';

export interface SessionOptions {
  /** Connected. The session removes every listener that it finds, and ends the connection when it is over. */
  readonly socket: Socket;
  readonly timeouts: Timeouts;
  /** `none` where TLS is not wanted. */
  readonly tls: TlsPart | 'none';
  /** The first one. */
  readonly message: SessionMessage;
  /** Whether the session is to wait for another message; asked when one is done with. Absent: it is not. */
  readonly afterwards?: () => 'keep' | 'quit';
  /** The machine; another one only in tests of what holds when it misbehaves. */
  readonly transition?: typeof transition;
}

/** One message, or a probe, on its way through a session. */
export interface SessionMessage {
  readonly terms: Terms;
  readonly budget: TimeBudget;
  /** The message, dot-stuffed, without the final dot. For each call a stream of its own. */
  content(): Readable;
  readonly observer: SessionObserver;
}

/** The handshake, and what it is held to. */
export interface TlsPart {
  /** What it is asked for; may throw where our own settings stand in the way. */
  options(): ConnectionOptions;
  /** What the options are made from. */
  readonly terms: HandshakeTerms;
  /** What a handshake that is done is worth. Synchronous: EHLO goes out as soon as it returns. */
  judge(session: TlsSession): SessionVerdict;
  /** Where a verdict that failed leads: to a new connection that may do without TLS, or to the next host. */
  readonly failedVerdict: 'starttls' | 'verification';
}

/** Whom a session tells what it sees. None of it changes what the session does, not even what is thrown. */
export interface SessionObserver {
  sent(lines: readonly string[]): void;
  /** `during`: what the session was waiting for. */
  received(reply: Reply, during: StateName): void;
  /** A piece of the message as it goes out. */
  data(piece: Uint8Array): void;
  warn(text: string): void;
  missingStartTls(): void;
  /** The handshake is done, and the verdict on it is in. */
  secured(session: TlsSession, verdict: SessionVerdict, certificate: Partial<PeerCertificate>): void;
  established(ready: Ready): void;
}
