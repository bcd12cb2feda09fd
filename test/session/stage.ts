/** A session on one side, a peer that a test plays on the other, over real sockets and real TLS; and what was on the wire. */
import { once } from 'node:events';
import * as net from 'node:net';
import { Readable } from 'node:stream';
import * as tls from 'node:tls';
import { openCertificateOffice, type ServerCertificate } from '../../haraka-test-harness/certificates';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import type { EncryptedRequirement } from '../../src/policy/requirement';
import type { SessionMessage, SessionOptions, TlsPart } from '../../src/session/options';
import { Session } from '../../src/session/session';
import { TimeBudget } from '../../src/session/time_budget';
import type { Outcome, Terms } from '../../src/smtp/session';
import type { Timeouts } from '../../src/smtp/timeouts';

/** What a peer does at each point: says a reply (without its line end), or whatever the function does. */
type Deed = string | ((peer: Peer) => void);

/** Behind `tls:`: within TLS. `handshake`: STARTTLS was answered. `message`: the final dot has come. */
export type Behaviours = Partial<
  Record<
    | 'greeting'
    | 'EHLO'
    | 'STARTTLS'
    | 'handshake'
    | 'tls:EHLO'
    | 'AUTH'
    | 'MAIL'
    | 'RCPT'
    | 'DATA'
    | 'RSET'
    | 'message'
    | 'QUIT',
    Deed
  >
>;

const polite: Required<Behaviours> = {
  greeting: '220 mx.example',
  EHLO: '250-mx.example\r\n250 STARTTLS',
  STARTTLS: '220 go',
  handshake: (peer) => peer.startTls(),
  'tls:EHLO': '250 mx.example',
  AUTH: '235 ok',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go',
  RSET: '250 ok',
  message: '250 queued',
  QUIT: '221 bye',
};

export const silence = (): void => undefined;

/** One octet of a reply without end at a time. */
export function drip(peer: Peer): void {
  peer.say('2');
  const timer = setInterval(() => peer.say(peer.dripped++ < 2 ? '5' : '-'), 10);
  peer.raw.once('close', () => clearInterval(timer));
}

export class Peer {
  /** Commands as they were read, and `(message)`. */
  readonly heard: string[] = [];
  message = '';
  /** How many MAIL commands came. */
  mails = 0;
  secured: tls.TLSSocket | undefined;
  dripped = 0;
  #reading: 'commands' | 'message' = 'commands';
  #buffer = '';

  readonly #behaviours: Behaviours;
  readonly #context: tls.TLSSocketOptions;

  constructor(
    readonly raw: net.Socket,
    behaviours: Behaviours,
    context: tls.TLSSocketOptions,
  ) {
    this.#behaviours = behaviours;
    this.#context = context;
    raw.on('error', () => undefined);
    raw.on('data', (chunk: Buffer) => this.#read(chunk));
    this.do('greeting');
  }

  get socket(): net.Socket {
    return this.secured ?? this.raw;
  }

  readonly say = (text: string): void => {
    if (!this.socket.destroyed) this.socket.write(text);
  };

  /** Agrees to DATA, and reads on up to the final dot. */
  expectMessage(): void {
    this.#reading = 'message';
    this.say('354 go\r\n');
  }

  do(name: keyof Behaviours): void {
    const deed = this.#behaviours[name] ?? polite[name];
    if (typeof deed === 'function') deed(this);
    else this.say(`${deed}\r\n`);
  }

  startTls(): void {
    this.raw.removeAllListeners('data');
    this.#buffer = '';
    this.secured = new tls.TLSSocket(this.raw, { isServer: true, ...this.#context });
    this.secured.on('error', () => this.raw.destroy());
    this.secured.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  #read(chunk: Buffer): void {
    this.#buffer += chunk.toString('latin1');
    for (;;) {
      const end = this.#reading === 'message' ? this.#endOfMessage() : this.#buffer.indexOf('\r\n') + 2;
      if (end < 2) return;
      const part = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end);
      if (this.#reading === 'message') this.#took(part);
      else this.#command(part.slice(0, -2));
    }
  }

  #endOfMessage(): number {
    if (this.#buffer.startsWith('.\r\n')) return 3;
    const at = this.#buffer.indexOf('\r\n.\r\n');
    return at < 0 ? -1 : at + 5;
  }

  #took(part: string): void {
    this.#reading = 'commands';
    this.message = part.slice(0, -3);
    this.heard.push('(message)');
    this.do('message');
  }

  #command(line: string): void {
    this.heard.push(line);
    const verb = (line.split(' ')[0] ?? '').toUpperCase();
    if (verb === 'MAIL') this.mails += 1;
    if (verb === 'DATA') this.#reading = this.#behaviours.DATA === undefined ? 'message' : this.#reading;
    if (verb === 'EHLO' || verb === 'LHLO') this.do(this.secured === undefined ? 'EHLO' : 'tls:EHLO');
    else if (verb === 'STARTTLS') {
      this.do('STARTTLS');
      this.do('handshake');
    } else if (verb in polite) this.do(verb as keyof Behaviours);
    else this.say('500 what\r\n');
  }
}

export interface Stage {
  readonly client: net.Socket;
  readonly peer: Peer;
  /** Everything that was read of the session's side, as it was on the wire. */
  wire(): Buffer;
  close(): Promise<void>;
}

export interface StageOptions {
  /** TLS of the peer's, beside its certificate. */
  readonly tls?: tls.TLSSocketOptions;
}

let office: ReturnType<typeof openCertificateOffice> | undefined;

export async function certificateFor(host: string): Promise<ServerCertificate> {
  office ??= openCertificateOffice();
  return (await office).certificate(host, 'trusted');
}

let shown: Promise<ServerCertificate> | undefined;

/** A connection to a peer with these behaviours. What the session writes passes a second pair of sockets, where it is read. */
export async function open(behaviours: Behaviours = {}, options: StageOptions = {}): Promise<Stage> {
  const { keyPem, chainPem } = await (shown ??= certificateFor('mx.example'));
  const context: tls.TLSSocketOptions = { key: keyPem, cert: chainPem, ...options.tls };
  const back = await listen();
  const front = await listen();
  const client = net.connect((front.address() as net.AddressInfo).port, '127.0.0.1');
  const [inbound] = (await once(front, 'connection')) as [net.Socket];
  const onward = net.connect((back.address() as net.AddressInfo).port, '127.0.0.1');
  const [raw] = (await once(back, 'connection')) as [net.Socket];
  if (client.connecting) await once(client, 'connect');
  const pieces: Buffer[] = [];
  inbound.on('data', (piece: Buffer) => pieces.push(piece));
  for (const [from, to] of [
    [inbound, onward],
    [onward, inbound],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
  front.close();
  back.close();
  const all = [client, inbound, onward, raw];
  return {
    client,
    peer: new Peer(raw, behaviours, context),
    wire: () => Buffer.concat(pieces),
    close: async () => {
      await Promise.all(
        all.map(async (socket) => {
          if (socket.closed) return;
          const closed = once(socket, 'close').catch(() => undefined);
          socket.destroy();
          await closed;
        }),
      );
    },
  };
}

async function listen(): Promise<net.Server> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export const encrypted: EncryptedRequirement = {
  kind: 'encrypted',
  minVersion: 'TLSv1.2',
  authentication: { kind: 'none' },
  serverName: 'mx.example',
  observe: undefined,
  because: 'mandatory',
};

export const tlsPart: TlsPart = {
  options: () => ({ rejectUnauthorized: false, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }),
  terms: handshakeTerms(encrypted),
  judge: () => ({ kind: 'met', verified: 'unauthenticated', recorded: [] }),
  failedVerdict: 'verification',
};

export const required: Terms = {
  protocol: 'smtp',
  ehloName: 'me.example',
  tls: { kind: 'required' },
  credentials: 'none',
  task: {
    kind: 'deliver',
    envelope: {
      from: { text: '<a@from.example>', ascii: '<a@from.example>' },
      recipients: [{ text: '<b@to.example>', ascii: '<b@to.example>' }],
      octets: 'unknown',
    },
  },
};

/** Milliseconds: none of them passes in a test. */
export const patient: Timeouts = {
  greeting: 15_000,
  ehlo: 15_000,
  tlsHandshake: 15_000,
  mail: 15_000,
  rcpt: 15_000,
  data: 15_000,
  dataBlock: 15_000,
  finalDot: 15_000,
  quit: 15_000,
};

export const text = 'Subject: x\r\n\r\nhello\r\n';

/** In words, in the order in which they came. */
export function recorder(): { readonly observer: SessionMessage['observer']; readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    observer: {
      sent: (lines) => void told.push(...lines.map((line) => `C: ${line}`)),
      received: ({ code }, during) => void told.push(`S: ${code} (${during})`),
      data: () => undefined,
      warn: (what) => void told.push(`warn: ${what}`),
      missingStartTls: () => void told.push('no STARTTLS'),
      secured: (_session, verdict) => void told.push(`secured: ${verdict.kind}`),
      established: ({ channel }) => void told.push(`established: ${channel}`),
    },
  };
}

/** The options of a session and of its first message in one. */
export type SessionParts = Omit<SessionOptions, 'message'> & SessionMessage;

export function sessionOn(stage: Stage, options: Partial<SessionParts> = {}): Session {
  const { terms, budget, content, observer, ...others } = options;
  return new Session({
    socket: stage.client,
    timeouts: patient,
    tls: tlsPart,
    message: messageOf({ terms, budget, content, observer }),
    ...others,
  });
}

export function messageOf({
  terms = required,
  budget = new TimeBudget(60_000, () => performance.now()),
  content = () => Readable.from([Buffer.from(text)]),
  observer = recorder().observer,
}: { [K in keyof SessionMessage]?: SessionMessage[K] | undefined } = {}): SessionMessage {
  return { terms, budget, content, observer };
}

/** The outcome of a session that is over, with nothing left of it. */
export async function play(stage: Stage, options: Partial<SessionParts> = {}): Promise<Outcome> {
  const session = sessionOn(stage, options);
  const outcome = await session.run();
  await session.closed();
  await stage.close();
  return outcome;
}

/** Sockets and timers that keep the process alive. */
export function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|Timeout/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Resolves when nothing is left that was not there before; what is closed may take a turn of the event loop. */
export async function nothingLeft(before: Record<string, number>): Promise<void> {
  const until = performance.now() + 3000;
  for (;;) {
    const left = Object.entries(resources()).filter(([kind, count]) => count > (before[kind] ?? 0));
    if (left.length === 0) return;
    if (performance.now() > until) throw new Error(`left behind: ${JSON.stringify(left)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What a session came to, shortly. */
export function words(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'settled':
      return outcome.recipients.map(({ kind, answer }) => `${kind} ${answer.code}`).join(', ');
    case 'next_host': {
      const { fault } = outcome;
      if (fault.kind === 'tls') return `tls ${fault.failure.reason} (${fault.at}): ${fault.failure.text}`;
      return `${fault.kind}: ${fault.text}`;
    }
    case 'own_fault':
      return `own fault: ${outcome.text}`;
    case 'stale':
      return `stale: ${outcome.text}`;
    case 'probed':
      return 'probed';
  }
}
