/**
 * One session with one host: the machine of `smtp/` bound to a connection. It reads, writes, keeps the time and makes the
 * handshake; what any of it means is the machine's to say.
 *
 * The state of one session: `#state` is the machine's; `#channel` is what is read and written, without TLS or with; `#message`
 * is the one at hand, `#outgoing` its octets while they are measured and sent, `#observer` who watches it, `#told` whether its
 * outcome is known; `#patience` is for what the state waits for; `#ended` is whether all of that is put away.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Failure } from '../failure';
import { initial, transition } from '../smtp/machine';
import type { Effect, Event, Outcome, State, Terms } from '../smtp/session';
import { handshakeFailure } from '../tls/failure';
import { versionRange } from '../tls/version';
import { messageOf, printable } from '../text';
import { Channel } from './channel';
import { onNewCertificate, type Handshake } from './handshake';
import { Outgoing } from './message';
import { harmless } from './observer';
import type { SessionMessage, SessionObserver, SessionOptions, TlsPart } from './options';
import { Patience } from './patience';

export class Session {
  #state: State = initial;
  readonly #channel: Channel;
  readonly #patience: Patience;
  #message: SessionMessage;
  #outgoing: Outgoing;
  #observer: SessionObserver;
  /** Whether it was told what became of the message at hand. */
  #told = false;
  #ended = false;
  /** What the handshake was asked for. */
  #wanted: ConnectionOptions = {};
  readonly #events: Event[] = [];
  #turning = false;
  #resolve: (outcome: Outcome) => void = () => undefined;

  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { message } = options;
    this.#message = message;
    this.#outgoing = new Outgoing(() => message.content());
    this.#observer = harmless(message.observer);
    this.#patience = new Patience(
      options.timeouts,
      () => this.#message.budget,
      (by, text) => this.#lost(by, text),
    );
    const cleartext = forbidsCleartext(message.terms) ? 'forbidden' : 'allowed';
    this.#channel = new Channel(options.socket, cleartext, {
      received: (event) => {
        if (event.kind === 'reply') this.#observer.received(event.reply, this.#state.name);
        this.#dispatch(event);
      },
      drained: () => {
        this.#outgoing.resume();
        if (this.#state.name === 'message') this.#arm();
      },
      failed: (error) => this.#onError(error),
      closed: () => this.#lost('closed', 'the peer closed the connection'),
      keptBack: (verb) => this.#onKeptBack(verb),
    });
  }

  /**
   * From the greeting to the outcome of the first message. QUIT and the closing follow by themselves, unless it `isIdle` then.
   * Never rejects. Once.
   */
  run(): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#message.budget.resume();
      this.#arm();
      this.#channel.open();
    });
  }

  /** Whether it waits for another message: for `next`, or `dismiss`. Not where the peer has begun to say something. */
  isIdle(): boolean {
    return this.#state.name === 'idle' && !this.#channel.isWithinReply();
  }

  /** Another message, up to its outcome; `stale` where the session is over already. Never rejects. */
  next(message: SessionMessage): Promise<Outcome> {
    if (!this.isIdle()) {
      this.dismiss();
      return Promise.resolve({ kind: 'stale', text: 'the session was over' });
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#told = false;
      this.#message = message;
      this.#outgoing = new Outgoing(() => message.content());
      this.#observer = harmless(message.observer);
      if (forbidsCleartext(message.terms)) this.#channel.forbidCleartext();
      this.#channel.ref();
      message.budget.resume();
      this.#dispatch({ kind: 'next' });
    });
  }

  /** No other message comes. */
  dismiss(): void {
    this.#dispatch({ kind: 'dismissed' });
  }

  /** Ends the session from outside; the outcome says why. */
  abandon(text: string): void {
    this.#lost('attempt', text);
  }

  /** When nothing of it is left. To be asked once it runs. */
  closed(): Promise<void> {
    const { socket } = this.#options;
    return new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.once('close', () => resolve());
    });
  }

  // --- events ----------------------------------------------------------------------------------------------------

  #lost(by: 'closed' | 'timeout' | 'attempt', text: string): void {
    const cut = by === 'closed' && this.#channel.isWithinReply();
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
    const { state, effects } = (this.#options.transition ?? transition)(this.#message.terms, before, event);
    this.#state = state;
    if (state.name !== 'message') this.#outgoing.stopSending();
    if (state.name !== 'measuring') this.#outgoing.stopMeasuring();
    for (const effect of effects) {
      this.#carryOut(effect);
      if (this.#ended) return;
    }
    // Nothing would ever come of it any more.
    if (event.kind === 'lost' || state.name === 'over') throw new Error('it did not end when it was over');
    if (state.name === 'idle' && (state !== before || event.kind === 'dismissed')) this.#rest(event);
    if (state !== before) this.#arm();
  }

  /** A message is done with. */
  #rest(event: Event): void {
    if (!this.#told || event.kind === 'dismissed')
      throw new Error('it came to rest in the middle of something');
    if ((this.#options.afterwards?.() ?? 'quit') === 'quit') this.dismiss();
    // It must not keep a process from ending.
    else this.#channel.unref();
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
        this.#channel.write(effect.text);
        if (!this.#ended) this.#observer.sent(effect.shown);
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
        this.#observer.missingStartTls();
        return;
      case 'warn':
        this.#observer.warn(effect.text);
        return;
      case 'established':
        this.#observer.established(effect.ready);
        return;
      case 'end':
        this.#told = true;
        this.#resolve(effect.outcome);
        return;
      case 'close':
        this.#close();
    }
  }

  #onKeptBack(verb: string): void {
    this.#observer.warn(`kept ${verb} from being sent without TLS`);
    const text = `${verb} was about to be sent without TLS`;
    if (this.#channel.isVerified()) this.#fail({ reason: 'internal-error', text }, 'verification');
    else this.#breakOff(ownTlsFault(text));
  }

  #fail(failure: Failure, at: 'starttls' | 'verification'): void {
    this.#dispatch({ kind: 'tls_failed', failure, at });
  }

  #startTls(): void {
    if (!this.#channel.closeForTls()) {
      this.#breakOff(ownTlsFault('TLS was about to be begun twice'));
      return;
    }
    const { tls } = this.#options;
    try {
      if (tls === 'none') throw new Error('TLS is not wanted');
      this.#wanted = tls.options();
      this.#channel.startTls(this.#wanted, tls.terms, (handshake) => this.#onSecure(handshake, tls));
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
      this.#observer.secured(session, verdict, certificate);
      if (verdict.kind === 'failed') {
        this.#fail(verdict.failure, tls.failedVerdict);
        return;
      }
      onNewCertificate(handshake.socket, session.certificates.leaf, () => {
        const text = 'the peer showed another certificate when it renegotiated TLS';
        this.#fail({ reason: 'validation-failure', text }, 'verification');
      });
    } catch (error) {
      const text = `the certificate check broke: ${printable(messageOf(error))}`;
      this.#fail({ reason: 'internal-error', text }, tls.failedVerdict);
      return;
    }
    this.#channel.verified();
    this.#dispatch({ kind: 'secured' });
  }

  #measure(): void {
    this.#outgoing.measure().then(
      (octets) => this.#dispatch({ kind: 'measured', octets }),
      (error: unknown) => this.#dispatch({ kind: 'message_unreadable', text: printable(messageOf(error)) }),
    );
  }

  #sendMessage(): void {
    this.#message.budget.pause();
    const { task } = this.#message.terms;
    const expected = task.kind === 'deliver' ? task.envelope.octets : 'unknown';
    const take = (piece: Uint8Array, place: 'within' | 'last'): 'written' | 'full' => {
      this.#observer.data(piece);
      // The final dot follows: both go in one write.
      if (place === 'last') this.#channel.gather();
      const written = this.#channel.write(piece);
      // The peer takes it: that is progress.
      if (written === 'written') this.#arm();
      return written;
    };
    this.#outgoing.send(expected, take, (sent) => {
      this.#dispatch(
        sent.kind === 'whole'
          ? { kind: 'message_sent' }
          : { kind: 'message_unreadable', text: printable(sent.text) },
      );
      this.#channel.letGo();
    });
  }

  #close(): void {
    // Every other outcome was told before.
    this.#resolve({ kind: 'own_fault', text: 'the session was closed without an outcome' });
    this.#ended = true;
    this.#state = { name: 'over' };
    this.#events.length = 0;
    this.#patience.end();
    this.#outgoing.stopSending();
    this.#outgoing.stopMeasuring();
    this.#channel.destroy();
  }

  /** Waits for what the state waits for, from now. */
  #arm(): void {
    this.#patience.wait(this.#state);
    if (this.#state.name === 'leaving') this.#channel.unref();
  }
}

function forbidsCleartext({ tls }: Terms): boolean {
  return tls.kind === 'required';
}

function ownTlsFault(text: string): Outcome {
  const failure = { reason: 'internal-error', text } as const;
  return { kind: 'next_host', fault: { kind: 'tls', failure, at: 'verification' } };
}
