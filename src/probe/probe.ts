/**
 * Looks at one MX host as a delivery would, without sending anything: connect, and speak through the same machine up to
 * where the envelope would begin. Facts only; what they are worth is for others to judge (`checkSession`).
 */
import * as net from 'node:net';
import type { Failure } from '../failure';
import { withDeadline } from '../deadline';
import type { SessionObserver, TlsPart } from '../session/options';
import { Session } from '../session/session';
import { TimeBudget } from '../session/time_budget';
import type { Reply } from '../smtp/reply';
import type { HostFault, Outcome, StateName, Terms } from '../smtp/session';
import type { Timeouts } from '../smtp/timeouts';
import { messageOf, printable } from '../text';
import { hasClassicHello } from '../tls/groups';
import { handshakeOptions, type HandshakeRequest } from '../tls/options';
import type { TlsSession } from '../tls/session';

export interface ProbeOptions {
  readonly address: string;
  /** Default 25. */
  readonly port?: number;
  /** What EHLO says. */
  readonly ehloName: string;
  /** What a delivery would ask of the handshake. `never`: the visit ends with EHLO, as that of a sender who wants no TLS. */
  readonly handshake: HandshakeRequest | 'never';
  /** Milliseconds for a visit; 30 s where absent. After a handshake that stalled, a second visit has as long again. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** What the host said before TLS, as one line each; empty where it did not come to that. Unauthenticated. */
export interface Dialogue {
  readonly greeting: string;
  readonly ehlo: string;
  /** The reply to STARTTLS. */
  readonly starttls: string;
}

export type Probe = { readonly dialogue: Dialogue } & (
  | { readonly kind: 'unreachable'; readonly problem: string }
  /** It was reached, and then did not behave as a mail server, or went away. */
  | { readonly kind: 'no_dialogue'; readonly problem: string }
  /** `failure`: STARTTLS is not offered, was refused, or the handshake did not finish. */
  | { readonly kind: 'no_tls'; readonly failure: Failure }
  /** It would take mail; TLS was not asked for. */
  | { readonly kind: 'cleartext' }
  | {
      readonly kind: 'encrypted';
      /** For `checkSession`. */
      readonly session: TlsSession;
      /** What came after the handshake: a host that answers EHLO within TLS, or one that does not. */
      readonly then: { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly problem: string };
    }
);

/** Never rejects, and leaves neither socket nor timer behind. */
export async function probeHost(options: ProbeOptions): Promise<Probe> {
  const first = await timedVisit(options);
  const { handshake, signal } = options;
  const again = first.stalled && handshake !== 'never' && handshake.hello === 'default' && hasClassicHello();
  if (!again || signal?.aborted === true) return first.probe;
  // As a delivery does: once more without ML-KEM. A handshake that went silent has used up the time of its own visit.
  return (await timedVisit({ ...options, handshake: { ...handshake, hello: 'classic' } })).probe;
}

function timedVisit(options: ProbeOptions): Promise<Visit> {
  return withDeadline(options.deadlineMs ?? 30_000, options.signal, (signal) => visit(options, signal));
}

interface Visit {
  readonly probe: Probe;
  readonly stalled: boolean;
}

async function visit(options: ProbeOptions, signal: AbortSignal): Promise<Visit> {
  const notes = new Notes();
  const connected = await connect(options, signal);
  if (connected.kind === 'failed') {
    return { probe: { kind: 'unreachable', problem: connected.problem, ...notes.said() }, stalled: false };
  }
  const { socket } = connected;
  const session = new Session({
    socket,
    timeouts,
    tls: tlsPartOf(options),
    message: {
      terms: termsOf(options),
      budget: new TimeBudget(Infinity, () => 0),
      content: () => {
        throw new Error('a probe has no message');
      },
      observer: notes,
    },
  });
  const onAbort = (): void => session.abandon('no answer in time');
  const running = session.run();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const outcome = await running;
  signal.removeEventListener('abort', onAbort);
  await session.closed();
  const probe: Probe = { ...seenOf(outcome, notes, options), ...notes.said() };
  return {
    probe,
    stalled: outcome.kind === 'next_host' && outcome.fault.kind === 'tls' && outcome.fault.at === 'stalled',
  };
}

type Connected =
  | { readonly kind: 'connected'; readonly socket: net.Socket }
  | { readonly kind: 'failed'; readonly problem: string };

function connect({ address, port = 25 }: ProbeOptions, signal: AbortSignal): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port });
    const fail = (problem: string): void => {
      socket.destroy();
      signal.removeEventListener('abort', onAbort);
      resolve({ kind: 'failed', problem });
    };
    const onAbort = (): void => fail('no answer in time');
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    socket.on('error', (error) => fail(printable(messageOf(error))));
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      resolve({ kind: 'connected', socket });
    });
  });
}

/** The deadline of the whole visit is shorter than any of these. */
const timeouts: Timeouts = {
  greeting: 300_000,
  ehlo: 300_000,
  tlsHandshake: 300_000,
  mail: 300_000,
  rcpt: 300_000,
  data: 300_000,
  dataBlock: 300_000,
  finalDot: 300_000,
  quit: 1_000,
};

function termsOf({ ehloName, handshake }: ProbeOptions): Terms {
  return {
    protocol: 'smtp',
    ehloName,
    tls: { kind: handshake === 'never' ? 'unwanted' : 'if_offered' },
    credentials: 'none',
    task: { kind: 'probe' },
  };
}

function tlsPartOf({ handshake }: ProbeOptions): TlsPart | 'none' {
  if (handshake === 'never') return 'none';
  return {
    options: () => handshakeOptions(handshake),
    terms: handshake.terms,
    judge: (session) => {
      // The verdict comes later, when the connection is gone and Node could no longer tell.
      session.certificates.chain();
      return { kind: 'met', verified: 'unauthenticated', recorded: [] };
    },
    failedVerdict: 'verification',
  };
}

function seenOf(outcome: Outcome, notes: Notes, { handshake }: ProbeOptions): Seen {
  const { session } = notes;
  if (session !== undefined) {
    const problem = outcome.kind === 'next_host' ? problemOf(outcome.fault) : 'the session broke';
    return {
      kind: 'encrypted',
      session,
      then: outcome.kind === 'probed' ? { kind: 'ready' } : { kind: 'failed', problem },
    };
  }
  switch (outcome.kind) {
    case 'probed': {
      if (handshake === 'never') return { kind: 'cleartext' };
      const text = notes.helo
        ? `the peer answered EHLO with ${notes.said().dialogue.ehlo}`
        : 'the peer does not offer STARTTLS';
      return { kind: 'no_tls', failure: { reason: 'starttls-not-supported', text } };
    }
    case 'next_host':
      if (outcome.fault.kind === 'tls') return { kind: 'no_tls', failure: outcome.fault.failure };
      return { kind: 'no_dialogue', problem: problemOf(outcome.fault) };
    case 'settled':
    case 'stale':
    case 'own_fault':
      return {
        kind: 'no_dialogue',
        problem: outcome.kind === 'own_fault' ? outcome.text : 'it was no dialogue',
      };
  }
}

type Seen = Probe extends infer P ? (P extends Probe ? Omit<P, 'dialogue'> : never) : never;

function problemOf(fault: HostFault): string {
  return fault.kind === 'tls' ? fault.failure.text : fault.text;
}

/** What was seen on the way. */
class Notes implements SessionObserver {
  session: TlsSession | undefined;
  /** EHLO was refused, and HELO said. */
  helo = false;
  #dialogue: Dialogue = { greeting: '', ehlo: '', starttls: '' };

  said(): { readonly dialogue: Dialogue } {
    return { dialogue: this.#dialogue };
  }

  received(reply: Reply, during: StateName): void {
    // Within TLS, and after a refused EHLO, the same question is asked again.
    const key = during === 'hello' ? (this.#dialogue.ehlo === '' ? 'ehlo' : undefined) : during;
    if (key === 'greeting' || key === 'ehlo' || key === 'starttls') {
      this.#dialogue = { ...this.#dialogue, [key]: line(reply) };
    }
  }

  sent(lines: readonly string[]): void {
    if (lines[0]?.startsWith('HELO ') === true) this.helo = true;
  }

  secured(session: TlsSession): void {
    this.session = session;
  }

  data(): void {
    // There is no message.
  }

  warn(): void {
    // Nothing of it concerns a visit.
  }

  missingStartTls(): void {
    // The outcome says so.
  }

  established(): void {
    // The outcome says so.
  }
}

function line({ code, lines }: Reply): string {
  return printable(`${code} ${lines.join(' / ')}`, 400);
}
