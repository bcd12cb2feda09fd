/**
 * A small SMTP server with TLS, quick enough to be no part of what is measured. It takes commands one after the other, also where
 * they come in one packet; what it says at each point may be somebody else's affair.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

export type Point = 'greeting' | 'ehlo' | 'secured_ehlo' | 'mail' | 'rcpt' | 'data' | 'message' | 'other';

export interface Certificate {
  readonly keyPem: string;
  readonly chainPem: string;
}

export interface HostOptions {
  readonly name: string;
  readonly address: string;
  readonly certificate: Certificate;
  /** Says `usual` at `point`, or what it likes. */
  readonly say: (point: Point, usual: string, stream: Socket) => void;
  readonly onTransaction?: (transaction: Transaction) => void;
}

export interface Transaction {
  /** Milliseconds since the epoch: when the connection came, or MAIL where it was not the first. */
  readonly begun: number;
  /** When its end was answered. */
  readonly ended: number;
  readonly headers: string;
}

/** @returns the port */
export async function startHost(options: HostOptions): Promise<number> {
  const context = createSecureContext({
    key: options.certificate.keyPem,
    cert: options.certificate.chainPem,
  });
  const server = createServer((socket) => {
    new Conversation(socket, options, context).begin();
  });
  server.listen(0, options.address);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Milliseconds since the epoch, finer than the clock of `Date`; comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

class Conversation {
  #stream: Socket;
  #secured: 'secured' | 'in_the_open' = 'in_the_open';
  #expecting: 'commands' | 'message' = 'commands';
  #pending = '';
  #begun = now();
  #transactions = 0;

  readonly #socket: Socket;
  readonly #options: HostOptions;
  readonly #context: ReturnType<typeof createSecureContext>;

  constructor(socket: Socket, options: HostOptions, context: ReturnType<typeof createSecureContext>) {
    this.#socket = socket;
    this.#options = options;
    this.#context = context;
    this.#stream = socket;
  }

  begin(): void {
    const socket = this.#socket;
    const options = this.#options;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    this.#listen(socket);
    this.#say('greeting', `220 ${options.name} ESMTP\r\n`);
  }

  #say(point: Point, usual: string): void {
    this.#options.say(point, usual, this.#stream);
  }

  #listen(stream: Socket): void {
    stream.on('data', (chunk: Buffer) => {
      this.#pending += chunk.toString('latin1');
      this.#read();
    });
  }

  #read(): void {
    while (this.#expecting === 'message' ? this.#takeMessage() : this.#takeLine());
  }

  #takeLine(): boolean {
    const end = this.#pending.indexOf('\r\n');
    if (end === -1) return false;
    const line = this.#pending.slice(0, end);
    this.#pending = this.#pending.slice(end + 2);
    this.#obey(line.slice(0, 4).toUpperCase());
    return true;
  }

  #takeMessage(): boolean {
    const end = this.#pending.startsWith('.\r\n') ? 0 : this.#pending.indexOf('\r\n.\r\n') + 2;
    if (end === 1) return false;
    const headers = this.#pending.slice(0, this.#pending.indexOf('\r\n\r\n'));
    this.#pending = this.#pending.slice(end + 3);
    this.#expecting = 'commands';
    this.#say('message', '250 2.0.0 taken\r\n');
    this.#options.onTransaction?.({ begun: this.#begun, ended: now(), headers });
    this.#transactions++;
    return true;
  }

  #obey(verb: string): void {
    switch (verb) {
      case 'EHLO':
      case 'LHLO':
        if (this.#secured === 'secured') this.#say('secured_ehlo', this.#capabilities(''));
        else this.#say('ehlo', this.#capabilities('250-STARTTLS\r\n'));
        return;
      case 'STAR':
        this.#upgrade();
        return;
      case 'MAIL':
        if (this.#transactions > 0) this.#begun = now();
        this.#say('mail', '250 2.1.0 sender ok\r\n');
        return;
      case 'RCPT':
        this.#say('rcpt', '250 2.1.5 recipient ok\r\n');
        return;
      case 'DATA':
        this.#expecting = 'message';
        this.#say('data', '354 go on\r\n');
        return;
      case 'QUIT':
        this.#stream.end('221 2.0.0 bye\r\n');
        return;
      default:
        this.#say('other', '250 2.0.0 ok\r\n');
    }
  }

  #capabilities(starttls: string): string {
    return `250-${this.#options.name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n${starttls}250 SIZE 50000000\r\n`;
  }

  #upgrade(): void {
    this.#socket.removeAllListeners('data');
    this.#pending = '';
    this.#socket.write('220 2.0.0 go ahead\r\n');
    const stream = new TLSSocket(this.#socket, { isServer: true, secureContext: this.#context });
    stream.on('error', () => this.#socket.destroy());
    stream.on('close', () => this.#socket.destroy());
    stream.on('end', () => stream.end());
    this.#stream = stream;
    this.#secured = 'secured';
    this.#listen(stream);
  }
}
