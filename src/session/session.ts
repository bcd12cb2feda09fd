/**
 * One session with one host: the machine of `smtp/` bound to a socket. It reads, writes, keeps the time and makes the
 * handshake; what any of it means is the machine's to say.
 *
 * The state of one try of one host: `#state` is the machine's; `#socket` is what is read and written, the TCP connection
 * first and the TLS connection behind STARTTLS, each with a reader of its own, so that nothing that came in cleartext is
 * read as if it came through TLS; `#source` is the message while it is being sent; `#timer` is for what the state waits for.
 */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ConnectionOptions, PeerCertificate, TLSSocket } from 'node:tls';
import type { Failure } from '../failure';
import type { SessionVerdict, TlsRequirement, TlsSession } from '../policy/session';
import { versionRange } from '../policy/version';
import { initial, transition } from '../smtp/machine';
import { ReplyReader, type Reply } from '../smtp/reply';
import type { Effect, Event, Outcome, Ready, State, StateName, Terms } from '../smtp/session';
import { waitFor, type Timeouts } from '../smtp/timeouts';
import { handshakeFailure } from '../tls/failure';
import { messageOf, printable } from '../text';
import { Gate } from './gate';
import { beginHandshake, type Handshake } from './handshake';
import { measure, MessageSource } from './message';
import type { TimeBudget } from './time_budget';

export interface SessionOptions {
  /** Connected. The session removes every listener that it finds, and ends the connection when it is over. */
  readonly socket: Socket;
  readonly terms: Terms;
  readonly timeouts: Timeouts;
  readonly budget: TimeBudget;
  /** `none` where TLS is not wanted. */
  readonly tls: TlsPart | 'none';
  /** The message, dot-stuffed, without the final dot. For each call a stream of its own. */
  message(): Readable;
  readonly observer: SessionObserver;
  /** The machine; another one only in tests of what holds when it misbehaves. */
  readonly transition?: typeof transition;
}

/** The handshake, and what it is held to. */
export interface TlsPart {
  /** What it is asked for; may throw where our own settings stand in the way. */
  options(): ConnectionOptions;
  /** What the options are made from, and the handshake is held to. */
  readonly requirement: TlsRequirement;
  /** What a handshake that is done is worth. Synchronous: EHLO goes out as soon as it returns. */
  judge(session: TlsSession): SessionVerdict;
  /** Where a verdict that failed leads: to a new connection that may do without TLS, or to the next host. */
  readonly failedVerdict: 'starttls' | 'verification';
}

/** Whom a session tells what it sees. None of it changes what the session does. */
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

export class Session {
  #state: State = initial;
  #socket: Socket;
  #reader = new ReplyReader();
  readonly #gate: Gate;
  #timer: NodeJS.Timeout | undefined;
  #source: MessageSource | undefined;
  /** What the handshake was asked for. */
  #wanted: ConnectionOptions = {};
  readonly #events: Event[] = [];
  #turning = false;
  #resolve: (outcome: Outcome) => void = () => undefined;

  constructor(private readonly options: SessionOptions) {
    this.#socket = options.socket;
    const cleartext = options.terms.tls.kind === 'required' ? 'forbidden' : 'allowed';
    this.#gate = new Gate(options.socket, cleartext, (verb) => this.#onBlocked(verb));
  }

  /** From the greeting to the outcome; QUIT and the closing follow by themselves. Never rejects. Once. */
  run(): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const { socket } = this.options;
      for (const name of [
        'data',
        'connect',
        'secureConnect',
        'secure',
        'end',
        'close',
        'drain',
        'error',
        'timeout',
      ])
        socket.removeAllListeners(name);
      socket.setTimeout(0);
      socket.setNoDelay(true);
      // For ever: an error that nobody listens to would end the process.
      socket.on('error', (error) => this.#onError(error));
      socket.on('close', () => this.#lost('closed', 'the peer closed the connection'));
      this.#listen(socket);
      this.options.budget.resume();
      this.#arm();
      if (socket.destroyed) this.#lost('closed', 'the peer closed the connection');
    });
  }

  /** Ends the session from outside; the outcome says why. */
  abandon(text: string): void {
    this.#lost('attempt', text);
  }

  /** When nothing of it is left. */
  closed(): Promise<void> {
    const { socket } = this.options;
    return new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.once('close', () => resolve());
    });
  }

  // --- events ----------------------------------------------------------------------------------------------------

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('end', () => this.#lost('closed', 'the peer closed the connection'));
    socket.on('drain', () => {
      this.#source?.resume();
      if (this.#state.name === 'message') this.#arm();
    });
  }

  #receive(chunk: Uint8Array): void {
    const reader = this.#reader;
    for (const event of reader.push(chunk)) {
      if (event.kind === 'reply') this.options.observer.received(event.reply, this.#state.name);
      this.#dispatch(event);
      // Behind STARTTLS another one reads.
      if (this.#reader !== reader || this.#state.name === 'over') return;
    }
  }

  #lost(by: 'closed' | 'timeout' | 'attempt', text: string): void {
    const cut = by === 'closed' && this.#reader.isWithinReply();
    this.#dispatch({ kind: 'lost', by: cut ? 'cut' : by, text });
  }

  #onError(error: unknown): void {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    const isTls = typeof code === 'string' && /^(?:ERR_SSL|ERR_TLS|ERR_OSSL)/.test(code);
    const { name } = this.#state;
    if (isTls && (name === 'handshake' || name === 'hello')) {
      const failure = handshakeFailure(error, versionRange(this.#wanted));
      this.#dispatch({ kind: 'tls_failed', failure, at: 'starttls' });
    } else {
      this.#lost('closed', printable(messageOf(error)));
    }
  }

  /** One event at a time: what is done about one may bring about the next. */
  #dispatch(event: Event): void {
    this.#events.push(event);
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#turn(next);
    } catch (error) {
      // Ours, and no peer's: nothing more is said, and no other host can have the message now.
      this.#state = { name: 'over' };
      this.#events.length = 0;
      this.#resolve({ kind: 'own_fault', text: `the session broke: ${printable(messageOf(error))}` });
      this.#close();
    } finally {
      this.#turning = false;
    }
  }

  #turn(event: Event): void {
    const before = this.#state;
    const { state, effects } = (this.options.transition ?? transition)(this.options.terms, before, event);
    this.#state = state;
    if (state.name !== 'message') this.#source?.stop();
    for (const effect of effects) this.#carryOut(effect);
    if (state !== before) this.#arm();
  }

  // --- effects ---------------------------------------------------------------------------------------------------

  #carryOut(effect: Effect): void {
    const { observer } = this.options;
    switch (effect.kind) {
      case 'send':
        observer.sent(effect.shown);
        this.#write(effect.text);
        return;
      case 'start_tls':
        this.#startTls();
        return;
      case 'measure_message':
        this.#measure();
        return;
      case 'send_message':
        this.#sendMessage();
        return;
      case 'note_missing_starttls':
        observer.missingStartTls();
        return;
      case 'warn':
        observer.warn(effect.text);
        return;
      case 'established':
        observer.established(effect.ready);
        return;
      case 'end':
        this.#resolve(effect.outcome);
        return;
      case 'close':
        this.#close();
    }
  }

  #write(data: string | Uint8Array): 'written' | 'full' {
    return this.#socket.destroyed || this.#socket.write(data) ? 'written' : 'full';
  }

  #onBlocked(verb: string): void {
    this.options.observer.warn(`kept ${verb} from being sent without TLS`);
    this.#fail(
      { reason: 'internal-error', text: `${verb} was about to be sent without TLS` },
      'verification',
    );
  }

  #fail(failure: Failure, at: 'starttls' | 'verification'): void {
    this.#dispatch({ kind: 'tls_failed', failure, at });
  }

  #startTls(): void {
    const { socket } = this.options;
    socket.removeAllListeners('data');
    socket.removeAllListeners('end');
    socket.removeAllListeners('drain');
    this.#reader = new ReplyReader();
    const { tls } = this.options;
    try {
      if (tls === 'none') throw new Error('TLS is not wanted');
      this.#wanted = tls.options();
      this.#gate.close();
      const handshake = beginHandshake(socket, this.#wanted, tls.requirement);
      this.#socket = handshake.socket;
      handshake.socket.on('error', (error) => this.#onError(error));
      handshake.socket.on('close', () => this.#lost('closed', 'the peer closed the connection'));
      handshake.socket.once('secureConnect', () => this.#onSecure(handshake, tls));
      this.#listen(handshake.socket);
    } catch (error) {
      // Nothing has been sent yet: this is about our own ciphers, keys and certificates.
      const text = `TLS could not be begun with the settings of tls.ini: ${printable(messageOf(error))}`;
      this.#fail({ reason: 'config-invalid', text }, 'starttls');
    }
  }

  /** Only the outcome counts, whatever the options became. Fails closed on any fault of our own. */
  #onSecure(handshake: Handshake, tls: TlsPart): void {
    if (this.#state.name !== 'handshake') return;
    const { observer } = this.options;
    try {
      const { session, certificate } = handshake.facts();
      const verdict = tls.judge(session);
      observer.secured(session, verdict, certificate);
      if (verdict.kind === 'failed') this.#fail(verdict.failure, tls.failedVerdict);
      else this.#watchRenegotiation(handshake.socket, session.certificates.leaf);
    } catch (error) {
      const text = `the certificate check broke: ${printable(messageOf(error))}`;
      this.#fail({ reason: 'internal-error', text }, tls.failedVerdict);
    }
    this.#dispatch({ kind: 'secured' });
  }

  /** A renegotiation (TLS 1.2) may not bring another certificate than the one that was verified. */
  #watchRenegotiation(socket: TLSSocket, leaf: Uint8Array): void {
    socket.on('secureConnect', () => {
      const now = (socket.getPeerCertificate() as { raw?: Uint8Array } | null)?.raw;
      if (socket.isSessionReused() || (now !== undefined && Buffer.compare(now, leaf) === 0)) return;
      const text = 'the peer showed another certificate when it renegotiated TLS';
      this.#fail({ reason: 'validation-failure', text }, 'verification');
    });
  }

  #measure(): void {
    const counting = measure(this.options.message());
    counting.then(
      (octets) => this.#dispatch({ kind: 'measured', octets }),
      (error: unknown) => this.#dispatch({ kind: 'message_unreadable', text: printable(messageOf(error)) }),
    );
  }

  #sendMessage(): void {
    this.options.budget.pause();
    try {
      this.#source = new MessageSource(
        this.options.message(),
        (piece) => {
          this.options.observer.data(piece);
          const written = this.#write(piece);
          // The peer takes it: that is progress.
          if (written === 'written') this.#arm();
          return written;
        },
        (sent) =>
          this.#dispatch(
            sent.kind === 'whole'
              ? { kind: 'message_sent' }
              : { kind: 'message_unreadable', text: printable(sent.text) },
          ),
      );
    } catch (error) {
      this.#dispatch({ kind: 'message_unreadable', text: printable(messageOf(error)) });
    }
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#source?.stop();
    this.#socket.destroy();
    this.options.socket.destroy();
  }

  // --- time ------------------------------------------------------------------------------------------------------

  #arm(): void {
    clearTimeout(this.#timer);
    const { budget, timeouts } = this.options;
    const { name } = this.#state;
    const wait = waitFor(this.#state);
    const counted = name !== 'message' && name !== 'final_dot' && name !== 'empty_dot' && name !== 'leaving';
    if (counted) budget.resume();
    else budget.pause();
    if (name === 'over') return;
    const left = counted ? budget.left() : Number.POSITIVE_INFINITY;
    // Also where it is not the peer's turn, nothing lasts for ever.
    this.#timer =
      wait === 'nothing' || left < timeouts[wait.timeout]
        ? setTimeout(() => this.#lost('attempt', outOfTime), Math.max(0, left))
        : setTimeout(() => this.#lost('timeout', wait.text), timeouts[wait.timeout]);
    if (name === 'leaving') {
      // The message is done with: what is left must not keep a process from ending.
      this.#timer.unref();
      this.options.socket.unref();
    }
  }
}

export const outOfTime = 'the time for this attempt was up';
