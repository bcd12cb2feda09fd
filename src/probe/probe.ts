/**
 * Looks at one MX host as a sender would, without sending anything: connect, EHLO, STARTTLS, handshake, QUIT. Facts only;
 * what they are worth is for others to judge (`checkSession`).
 */
import * as net from 'node:net';
import * as tls from 'node:tls';
import { offersStartTls, ReplyReader, type Reply } from '../delivery/reply';
import type { Failure } from '../failure';
import { withDeadline } from '../deadline';
import type { TlsSession } from '../policy/session';
import { messageOf, printable } from '../text';
import { handshakeFailure } from '../tls/failure';
import { handshakeOptions, type HandshakeRequest } from '../tls/options';
import { sessionFacts } from '../tls/session';

export interface ProbeOptions {
  readonly address: string;
  /** Default 25. */
  readonly port?: number;
  /** What EHLO says. */
  readonly heloName: string;
  /** What a delivery would ask of the handshake. `never`: the visit ends with EHLO, as that of a sender who wants no TLS. */
  readonly handshake: HandshakeRequest | 'never';
  /** Milliseconds for everything; 30 s where absent. */
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
    }
);

/** Never rejects, and leaves neither socket nor timer behind. */
export async function probeHost(options: ProbeOptions): Promise<Probe> {
  const visit = new Visit(options);
  try {
    return await withDeadline(options.deadlineMs ?? 30_000, options.signal, (signal) => visit.run(signal));
  } finally {
    visit.leave();
  }
}

/** Beyond this a host says more than any mail server needs to. Bytes before TLS. */
const mostBytes = 64 * 1024;

type Stage = 'connect' | 'greeting' | 'ehlo' | 'helo' | 'starttls' | 'handshake' | 'over';

type Outcome =
  | { readonly kind: 'unreachable' | 'no_dialogue'; readonly problem: string }
  | { readonly kind: 'no_tls'; readonly failure: Failure }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'encrypted'; readonly session: TlsSession };

class Visit {
  private stage: Stage = 'connect';
  private dialogue: Dialogue = { greeting: '', ehlo: '', starttls: '' };
  private readonly replies = new ReplyReader();
  private received = 0;
  private socket: net.Socket | undefined;
  private secured: tls.TLSSocket | undefined;
  /** Once the handshake is done, nothing that happens while we take our leave changes what was seen. */
  private seen: Outcome | undefined;
  private settle: (probe: Probe) => void = () => undefined;

  constructor(private readonly options: ProbeOptions) {}

  run(signal: AbortSignal): Promise<Probe> {
    return new Promise((resolve) => {
      this.settle = resolve;
      const onAbort = () => this.lost('no answer in time');
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else this.connect();
    });
  }

  /** Ends the connection; after this nothing of it is left. */
  leave(): void {
    this.stage = 'over';
    this.secured?.destroy();
    this.socket?.destroy();
  }

  private connect(): void {
    const { address, port = 25 } = this.options;
    const socket = net.connect({ host: address, port });
    this.socket = socket;
    socket.once('connect', () => {
      this.stage = 'greeting';
    });
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.lost(messageOf(error)));
    socket.on('close', () => this.lost('the host closed the connection'));
  }

  private receive(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.received > mostBytes) this.lost(`more than ${mostBytes} bytes before TLS`);
    if (!this.isTalking()) return;
    for (const event of this.replies.push(chunk)) {
      if (event.kind === 'malformed') this.lost(`no SMTP reply: ${printable(event.seen, 80)}`);
      else this.answer(event.reply, event.excess);
      if (!this.isTalking()) return;
    }
  }

  private answer(reply: Reply, excess: number): void {
    if (this.stage === 'greeting') this.onGreeting(reply);
    else if (this.stage === 'ehlo') this.onEhlo(reply);
    else if (this.stage === 'helo') this.onHelo(reply);
    else this.onStartTls(reply, excess);
  }

  private onGreeting(reply: Reply): void {
    this.note('greeting', reply);
    if (!isPositive(reply)) this.lost(`the host greets with ${line(reply)}`);
    else this.say('ehlo', `EHLO ${this.options.heloName}`);
  }

  private onEhlo(reply: Reply): void {
    this.note('ehlo', reply);
    if (reply.code.startsWith('5')) this.say('helo', `HELO ${this.options.heloName}`);
    else if (!isPositive(reply)) this.lost(`EHLO was answered with ${line(reply)}`);
    else if (this.options.handshake === 'never') this.finish({ kind: 'cleartext' });
    else if (offersStartTls(reply)) this.say('starttls', 'STARTTLS');
    else this.noTls({ reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' });
  }

  /** A host that knows no EHLO (RFC 5321 section 3.2) has no extensions, and STARTTLS is one. */
  private onHelo(reply: Reply): void {
    if (!isPositive(reply)) this.lost(`HELO was answered with ${line(reply)}`);
    else if (this.options.handshake === 'never') this.finish({ kind: 'cleartext' });
    else {
      const text = `the peer answered EHLO with ${this.dialogue.ehlo}`;
      this.noTls({ reason: 'starttls-not-supported', text });
    }
  }

  private onStartTls(reply: Reply, excess: number): void {
    this.note('starttls', reply);
    // RFC 3207 section 4 knows one positive reply.
    if (reply.code !== '220') {
      this.noTls({ reason: 'tls-handshake-failed', text: `the peer refused STARTTLS: ${line(reply)}` });
    } else if (excess > 0) {
      const text = 'the peer sent data in cleartext after it had agreed to STARTTLS';
      this.noTls({ reason: 'tls-handshake-failed', text });
    } else {
      this.shakeHands();
    }
  }

  private shakeHands(): void {
    const { socket } = this;
    const request = this.options.handshake;
    if (socket === undefined || request === 'never') return;
    this.stage = 'handshake';
    socket.removeAllListeners('data');
    try {
      const options = handshakeOptions(request);
      const secured = tls.connect({ socket, ...options });
      this.secured = secured;
      secured.once('secureConnect', () => this.examine(secured, request));
      secured.on('error', (error) => this.noTls(handshakeFailure(error, options)));
    } catch (error) {
      // Nothing has been sent yet: this is about our own ciphers, keys and certificates.
      const text = `TLS could not be begun with the settings of tls.ini: ${printable(messageOf(error))}`;
      this.noTls({ reason: 'config-invalid', text });
    }
  }

  private examine(secured: tls.TLSSocket, { requirement }: HandshakeRequest): void {
    const session = sessionFacts(secured, requirement);
    // Whoever judges does so later, when the connection is gone and Node could no longer tell.
    session.certificates.chain();
    const seen = { kind: 'encrypted', session } as const;
    this.seen = seen;
    secured.end('QUIT\r\n', () => this.finish(seen));
  }

  private say(next: Stage, command: string): void {
    this.stage = next;
    this.socket?.write(`${command}\r\n`);
  }

  private note(key: keyof Dialogue, reply: Reply): void {
    this.dialogue = { ...this.dialogue, [key]: line(reply) };
  }

  /** Means what it means at the point that was reached. */
  private lost(problem: string): void {
    const text = printable(problem);
    if (this.stage === 'connect') this.finish({ kind: 'unreachable', problem: text });
    else if (this.stage === 'greeting' || this.stage === 'ehlo' || this.stage === 'helo') {
      this.finish({ kind: 'no_dialogue', problem: text });
    } else this.noTls({ reason: 'tls-handshake-failed', text: `the TLS handshake failed: ${text}` });
  }

  private noTls(failure: Failure): void {
    this.finish({ kind: 'no_tls', failure });
  }

  private finish(outcome: Outcome): void {
    if (this.stage === 'over') return;
    this.stage = 'over';
    this.settle({ ...(this.seen ?? outcome), dialogue: this.dialogue });
  }

  private isTalking(): boolean {
    return ['greeting', 'ehlo', 'helo', 'starttls'].includes(this.stage);
  }
}

function isPositive(reply: Reply): boolean {
  return reply.code.startsWith('2');
}

function line(reply: Reply): string {
  return printable(`${reply.code} ${reply.lines.map(({ rest }) => rest).join(' / ')}`, 400);
}
