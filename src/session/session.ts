/**
 * One session with one host: the machine of `smtp/` bound to a socket. It reads, writes, keeps the time and makes the
 * handshake; what any of it means is the machine's to say.
 *
 * The state of one try of one host: `#state` is the machine's; `#socket` is what is read and written, the TCP connection
 * first and the TLS connection behind STARTTLS, each with a reader of its own, so that nothing that came in cleartext is
 * read as if it came through TLS; `#source` is the message while it is being sent, `#counted` while it is measured; `#timer`
 * is for what the state waits for; `#ended` is whether all of that is put away.
 */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { Failure } from '../failure';
import { versionRange } from '../tls/version';
import { initial, transition } from '../smtp/machine';
import { ReplyReader } from '../smtp/reply';
import type { Effect, Event, Outcome, State } from '../smtp/session';
import { waitFor } from '../smtp/timeouts';
import { handshakeFailure } from '../tls/failure';
import { messageOf, printable } from '../text';
import { Gate } from './gate';
import { beginHandshake, type Handshake } from './handshake';
import { measure, MessageSource } from './message';
import type { SessionObserver, SessionOptions, TlsPart } from './options';

export class Session {
  #state: State = initial;
  #socket: Socket;
  #reader = new ReplyReader();
  readonly #gate: Gate;
  #timer: NodeJS.Timeout | undefined;
  #source: MessageSource | undefined;
  #counted: Readable | undefined;
  #ended = false;
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
      for (const name of others) socket.removeAllListeners(name);
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
      if (event.kind === 'reply') this.#tell((observer) => observer.received(event.reply, this.#state.name));
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
    if (this.#ended) return;
    this.#events.push(event);
    if (this.#turning) return;
    this.#turning = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#turn(next);
    } catch (error) {
      // Ours, and no peer's: nothing more is said, and no other host can have the message now.
      this.#breakOff({ kind: 'own_fault', text: `the session broke: ${printable(messageOf(error))}` });
    } finally {
      this.#turning = false;
    }
  }

  #turn(event: Event): void {
    const before = this.#state;
    const { state, effects } = (this.options.transition ?? transition)(this.options.terms, before, event);
    this.#state = state;
    if (state.name !== 'message') this.#source?.stop();
    if (state.name !== 'measuring') this.#counted?.destroy();
    for (const effect of effects) {
      this.#carryOut(effect);
      if (this.#ended) return;
    }
    // Nothing would ever come of it any more.
    if (event.kind === 'lost' || state.name === 'over') throw new Error('it did not end when it was over');
    if (state !== before) this.#arm();
  }

  /** Ends the session without asking the machine. An outcome that was told already stands. */
  #breakOff(outcome: Outcome): void {
    this.#resolve(outcome);
    this.#close();
  }

  // --- effects ---------------------------------------------------------------------------------------------------

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#write(effect.text);
        if (!this.#ended) this.#tell((observer) => observer.sent(effect.shown));
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
        this.#tell((observer) => observer.missingStartTls());
        return;
      case 'warn':
        this.#tell((observer) => observer.warn(effect.text));
        return;
      case 'established':
        this.#tell((observer) => observer.established(effect.ready));
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

  #tell(what: (observer: SessionObserver) => void): void {
    try {
      what(this.options.observer);
    } catch (error) {
      // To stop for this could mean that a peer which has taken the message gets it again.
      this.#tellFault(`whoever watches this session broke: ${printable(messageOf(error))}`);
    }
  }

  #tellFault(text: string): void {
    try {
      this.options.observer.warn(text);
    } catch {
      // There is nobody else to tell.
    }
  }

  #onBlocked(verb: string): void {
    this.#tell((observer) => observer.warn(`kept ${verb} from being sent without TLS`));
    const text = `${verb} was about to be sent without TLS`;
    if (this.#gate.isOpen()) this.#fail({ reason: 'internal-error', text }, 'verification');
    else this.#breakOff(ownTlsFault(text));
  }

  #fail(failure: Failure, at: 'starttls' | 'verification'): void {
    this.#dispatch({ kind: 'tls_failed', failure, at });
  }

  #startTls(): void {
    if (!this.#gate.close()) {
      this.#breakOff(ownTlsFault('TLS was about to be begun twice'));
      return;
    }
    const { socket } = this.options;
    socket.removeAllListeners('data');
    socket.removeAllListeners('end');
    socket.removeAllListeners('drain');
    this.#reader = new ReplyReader();
    const { tls } = this.options;
    try {
      if (tls === 'none') throw new Error('TLS is not wanted');
      this.#wanted = tls.options();
      const handshake = beginHandshake(socket, this.#wanted, tls.terms);
      this.#gate.guard(handshake.socket);
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
    try {
      const { session, certificate } = handshake.facts();
      const verdict = tls.judge(session);
      this.#tell((observer) => observer.secured(session, verdict, certificate));
      if (verdict.kind === 'failed') {
        this.#fail(verdict.failure, tls.failedVerdict);
        return;
      }
      this.#watchRenegotiation(handshake.socket, session.certificates.leaf);
    } catch (error) {
      const text = `the certificate check broke: ${printable(messageOf(error))}`;
      this.#fail({ reason: 'internal-error', text }, tls.failedVerdict);
      return;
    }
    this.#gate.open();
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
    if (this.#counted !== undefined) throw new Error('the message was to be measured twice');
    this.#counted = this.options.message();
    measure(this.#counted).then(
      (octets) => this.#dispatch({ kind: 'measured', octets }),
      (error: unknown) => this.#dispatch({ kind: 'message_unreadable', text: printable(messageOf(error)) }),
    );
  }

  #sendMessage(): void {
    if (this.#source !== undefined) throw new Error('the message was to be sent twice');
    this.options.budget.pause();
    const { task } = this.options.terms;
    try {
      this.#source = new MessageSource(
        this.options.message(),
        task.kind === 'deliver' ? task.envelope.octets : 'unknown',
        (piece) => {
          this.#tell((observer) => observer.data(piece));
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
    // Every other outcome was told before.
    this.#resolve({ kind: 'own_fault', text: 'the session was closed without an outcome' });
    this.#ended = true;
    this.#state = { name: 'over' };
    this.#events.length = 0;
    clearTimeout(this.#timer);
    this.#source?.stop();
    this.#counted?.destroy();
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

function ownTlsFault(text: string): Outcome {
  const failure = { reason: 'internal-error', text } as const;
  return { kind: 'next_host', fault: { kind: 'tls', failure, at: 'verification' } };
}

/** Listeners of whoever made the connection. */
const others = ['data', 'connect', 'secureConnect', 'secure', 'end', 'close', 'drain', 'error', 'timeout'];

export const outOfTime = 'the time for this attempt was up';
