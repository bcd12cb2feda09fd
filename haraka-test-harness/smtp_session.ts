/** One connection to an MX host: reads commands, does what the behaviour says, and keeps every octet that came. */
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';

import { late } from './late.cjs';
import { ordinary, type HandshakeBehaviour, type Behaviour, type Point, type Step } from './behaviours';
import type { TlsVersion } from './world';

/** What the peer saw of the handshake. */
export type PeerTls =
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly error: string }
  | {
      readonly kind: 'established';
      readonly version: TlsVersion;
      readonly cipher: string;
      /** Empty where the client sent none. */
      readonly sni: string;
      /** The common name of the certificate that the client sent; empty where there is none. */
      readonly clientCertificate: string;
    };

export interface PeerConnection {
  /** Every octet received outside TLS but for the handshake itself, latin1. */
  readonly cleartext: string;
  /** Every octet received inside TLS, latin1. */
  readonly encrypted: string;
  readonly tls: PeerTls;
  readonly state: 'open' | 'closed';
  readonly messages: readonly PeerMessage[];
  /** Where it came from. */
  readonly remoteAddress: string;
}

export interface PeerMessage {
  /** The id that `lab.send` gave it; empty for mail from elsewhere. */
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body, dots unstuffed, latin1. */
  readonly data: string;
  readonly protection: 'cleartext' | TlsVersion;
}

const longestCommandLine = 4096;

export class Session implements PeerConnection {
  cleartext = '';
  encrypted = '';
  tls: PeerTls = { kind: 'none' };
  state: 'open' | 'closed' = 'open';
  /** Whether the client said QUIT. */
  tookLeave = false;
  readonly messages: PeerMessage[] = [];
  readonly remoteAddress: string;

  #stream: Socket;
  #pending = '';
  #mode: 'commands' | 'message' = 'commands';
  /** How many MAIL commands came. */
  #mails = 0;
  #from = '';
  #to: string[] = [];

  readonly #socket: Socket;
  readonly #name: string;
  readonly #behaviour: Behaviour;
  readonly #context: () => SecureContext;
  readonly #changed: () => void;

  constructor(
    socket: Socket,
    name: string,
    behaviour: Behaviour,
    context: () => SecureContext,
    changed: () => void,
  ) {
    this.#socket = socket;
    this.#name = name;
    this.#behaviour = behaviour;
    this.#context = context;
    this.#changed = changed;
    this.#stream = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.state = 'closed';
      changed();
    });
    this.#listen(socket);
    this.perform(this.#stepAt('greeting'));
  }

  destroy(): void {
    this.#stream.destroy();
    this.#socket.destroy();
  }

  renegotiate(): void {
    if (this.state !== 'open' || !(this.#stream instanceof TLSSocket)) return;
    this.#stream.setKeyCert(this.#context());
    this.#stream.renegotiate({}, () => undefined);
  }

  get #secured(): boolean {
    return this.tls.kind === 'established';
  }

  #listen(stream: Socket): void {
    stream.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (this.#secured) this.encrypted += text;
      else this.cleartext += text;
      this.#pending += text;
      this.#read();
      this.#changed();
    });
  }

  #read(): void {
    for (;;) {
      if (this.#mode === 'message') {
        const end = this.#pending.startsWith('.\r\n') ? 0 : this.#pending.indexOf('\r\n.\r\n') + 2;
        if (end === 1) return;
        const data = unstuffed(this.#pending.slice(0, end));
        this.#pending = this.#pending.slice(end + 3);
        this.#mode = 'commands';
        this.#take(data);
        continue;
      }
      const end = this.#pending.indexOf('\r\n');
      if (end === -1) {
        if (this.#pending.length > longestCommandLine) this.destroy();
        return;
      }
      const line = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + 2);
      this.#obey(line);
    }
  }

  #obey(line: string): void {
    const verb = (/^[a-z]*/i.exec(line)?.[0] ?? '').toUpperCase();
    switch (verb) {
      case 'EHLO':
      case 'LHLO': {
        // As Postfix does.
        if (!line.includes(' ')) this.#say(`501 Syntax: ${verb} hostname\r\n`);
        else this.perform(this.#stepAt('ehlo'));
        return;
      }
      case 'HELO': {
        this.perform(this.#stepAt('helo'));
        return;
      }
      case 'STARTTLS':
        if (this.#secured) {
          this.#say('503 5.5.1 TLS is on already\r\n');
          return;
        }
        {
          this.perform(this.#stepAt('starttls'));
          return;
        }
      case 'AUTH': {
        this.perform(this.#stepAt('auth'));
        return;
      }
      case 'MAIL':
        this.#mails += 1;
        this.#from = pathIn(line);
        this.#to = [];
        {
          this.perform(this.#stepAt('mail'));
          return;
        }
      case 'RCPT': {
        const recipient = pathIn(line);
        const step = this.#behaviour.recipients?.[recipient.split('@')[0] ?? ''] ?? this.#stepAt('rcpt');
        if (accepts(step)) this.#to.push(recipient);
        this.perform(step);
        return;
      }
      case 'DATA': {
        const step = this.#stepAt('data');
        if (step.do === 'reply' && step.text.startsWith('354')) this.#mode = 'message';
        this.perform(step);
        return;
      }
      case 'QUIT': {
        this.tookLeave = true;
        this.perform(this.#stepAt('quit'));
        return;
      }
      case 'RSET': {
        this.perform(this.#stepAt('rset'));
        return;
      }
      case 'NOOP': {
        this.#say('250 2.0.0 ok\r\n');
        return;
      }
      default: {
        this.#say('500 5.5.2 unknown command\r\n');
        return;
      }
    }
  }

  #take(data: string): void {
    const step = this.#stepAt('message');
    if (accepts(step)) {
      const head = data.slice(0, data.indexOf('\r\n\r\n') + 2);
      this.messages.push({
        id: /^Lab-Message-Id: (.*)\r$/m.exec(head)?.[1] ?? '',
        from: this.#from,
        to: this.#to,
        data,
        protection: this.tls.kind === 'established' ? this.tls.version : 'cleartext',
      });
    }
    this.perform(step);
  }

  #stepAt(point: Point): Step {
    const isAgain = this.#mails > 1 || (this.#mails === 1 && point === 'rset');
    const scripted =
      (isAgain ? this.#behaviour.again?.[point] : undefined) ??
      (this.#secured ? this.#behaviour.secured?.[point] : undefined) ??
      this.#behaviour[point];
    if (scripted !== undefined) return scripted;
    switch (point) {
      case 'greeting':
        return { do: 'reply', text: `220 ${this.#name} ESMTP\r\n` };
      case 'ehlo':
        return { do: 'reply', text: this.#capabilities() };
      case 'helo':
        return { do: 'reply', text: `250 ${this.#name}\r\n` };
      default:
        return ordinary[point];
    }
  }

  #capabilities(): string {
    const offers = this.#behaviour.starttlsOffer !== 'withheld' && !this.#secured;
    return `250-${this.#name}\r\n250-8BITMIME\r\n${offers ? '250-STARTTLS\r\n' : ''}250 SIZE 10000000\r\n`;
  }

  perform(step: Step): void {
    switch (step.do) {
      case 'reply': {
        if (step.afterMs === undefined) this.#say(step.text);
        else late(step.afterMs, () => this.#say(step.text));
        return;
      }
      case 'close':
        this.#stream.end(step.text ?? '');
        return;
      case 'silence':
        return;
      case 'drip': {
        this.#drip(step.text, step.everyMs);
        return;
      }
      case 'reset': {
        this.#socket.resetAndDestroy();
        return;
      }
      case 'upgrade': {
        this.#upgrade(step.text, step.handshake);
        return;
      }
    }
  }

  #drip(text: string, everyMs: number): void {
    const timer = setInterval(() => this.#say(text), everyMs);
    this.#socket.once('close', () => clearInterval(timer));
  }

  #say(text: string): void {
    if (this.#stream.writable) this.#stream.write(text, 'latin1');
  }

  /** Looks at the first octet after the 220: a client that goes on in cleartext is served, and so is caught. */
  #upgrade(text: string, handshake: HandshakeBehaviour): void {
    const socket = this.#socket;
    socket.removeAllListeners('data');
    this.#pending = '';
    socket.once('data', (chunk: Buffer) => {
      if (chunk[0] !== handshakeRecord) {
        this.#listen(socket);
        socket.emit('data', chunk);
        return;
      }
      socket.pause();
      socket.unshift(chunk);
      this.#shakeHands(handshake);
    });
    this.#say(text);
  }

  #shakeHands(handshake: HandshakeBehaviour): void {
    switch (handshake) {
      case 'close':
        this.tls = { kind: 'failed', error: 'closed by this peer' };
        this.#socket.end();
        this.#overhear();
        return;
      case 'reset':
        this.tls = { kind: 'failed', error: 'reset by this peer' };
        this.#socket.resetAndDestroy();
        return;
      case 'alert':
        this.tls = { kind: 'failed', error: 'refused by this peer' };
        this.#socket.write(handshakeFailureAlert);
        this.#overhear();
        return;
      case 'garbage':
        this.tls = { kind: 'failed', error: 'spoilt by this peer' };
        this.#socket.write('this is no TLS\r\n');
        this.#overhear();
        return;
      case 'silence':
        this.tls = { kind: 'failed', error: 'unanswered by this peer' };
        this.#overhear();
        return;
      case 'complete':
      case 'then_renegotiate':
      case 'then_close': {
        this.#secure(handshake);
        return;
      }
    }
  }

  /** After a handshake that was spoilt: records what the client says outside TLS all the same. */
  #overhear(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      if (!isTlsRecord(chunk)) this.cleartext += chunk.toString('latin1');
    });
    this.#socket.resume();
  }

  #secure(handshake: 'complete' | 'then_close' | 'then_renegotiate'): void {
    const secured = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: this.#context(),
      requestCert: this.#behaviour.clientCertificate === 'asked',
      rejectUnauthorized: false,
      // Without a callback the server name that the client sent is not kept.
      SNICallback: (_name, done) => done(null, this.#context()),
    });
    this.#stream = secured;
    secured.on('error', (error) => {
      if (!this.#secured) this.tls = { kind: 'failed', error: error.message };
      this.destroy();
      this.#changed();
    });
    secured.on('close', () => this.#socket.destroy());
    secured.once('secure', () => {
      this.tls = {
        kind: 'established',
        version: (secured.getProtocol() ?? 'unknown') as TlsVersion,
        cipher: secured.getCipher().name,
        sni: serverNameOf(secured),
        clientCertificate: commonNameOf(secured),
      };
      this.#changed();
      if (handshake === 'then_close') secured.end();
      if (handshake === 'then_renegotiate') secured.renegotiate({}, () => undefined);
    });
    this.#listen(secured);
  }
}

/** Without the dot that a client puts before a line that begins with one (RFC 5321 section 4.5.2). */
function unstuffed(data: string): string {
  return data
    .split('\r\n')
    .map((line) => (line.startsWith('.') ? line.slice(1) : line))
    .join('\r\n');
}

/** The content type of a TLS handshake record (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;

/** A fatal alert, handshake_failure, in TLS 1.2 (RFC 5246 section 7.2). */
const handshakeFailureAlert = Buffer.from([0x15, 3, 3, 0, 2, 2, 40]);

/** Content types 20 to 23 and the major version 3. */
function isTlsRecord(chunk: Buffer): boolean {
  const [type = 0, major] = chunk;
  return type >= 0x14 && type <= 0x17 && major === 3;
}

function serverNameOf(socket: TLSSocket): string {
  const { servername } = socket as TLSSocket & { servername?: string | false };
  return typeof servername === 'string' ? servername : '';
}

function commonNameOf(socket: TLSSocket): string {
  // Node's types promise a subject; without a certificate there is an empty object.
  const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string } };
  return subject?.CN ?? '';
}

function accepts(step: Step): boolean {
  return step.do === 'reply' && step.text.startsWith('2');
}

function pathIn(line: string): string {
  return /<([^>]*)>/.exec(line)?.[1] ?? '';
}
