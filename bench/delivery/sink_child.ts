/**
 * Hosts that take every message and keep none, in a process of their own: a benchmark must not wait for them. They offer
 * PIPELINING, and nothing of what they say waits for an acknowledgement of the client's TCP.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { inChild, tellParent } from '../child';
import { monotonicMs } from './clock';

export interface SinkHost {
  readonly name: string;
  /** On loopback, and of this host alone. */
  readonly address: string;
  readonly certificate: { readonly chainPem: string; readonly keyPem: string };
  /** `mute`: it takes connections and never says a word. */
  readonly kind: 'takes' | 'mute';
  /** Milliseconds to this host and back. */
  readonly roundTrip: number;
}

/** What came so far, by all hosts of one process. */
export interface Tally {
  readonly messages: number;
  readonly handshakes: number;
  /** When the last message was taken, by the clock that all processes share. Milliseconds. */
  readonly last: number;
  /** Processor time of the process. Milliseconds. */
  readonly processorMs: number;
}

/** The ports of the hosts, by name: 25 where that may be used. */
export type SinkPorts = Readonly<Record<string, number>>;

inChild(async (hosts: readonly SinkHost[]): Promise<SinkPorts> => {
  const ports = await Promise.all(hosts.map(async (host) => [host.name, await start(host)] as const));
  return Object.fromEntries(ports);
});

async function start(host: SinkHost): Promise<number> {
  const serve = host.kind === 'mute' ? mute : talker(host);
  if (host.roundTrip === 0) return listen(createServer({ noDelay: true }, serve), host.address);
  const behind = createServer({ noDelay: true }, serve).listen(0, host.address);
  await once(behind, 'listening');
  const { port } = behind.address() as AddressInfo;
  const road = distance({ host: host.address, port }, host.roundTrip);
  return listen(createServer({ noDelay: true, allowHalfOpen: true }, road), host.address);
}

async function listen(server: Server, address: string): Promise<number> {
  for (const port of [25, 0]) {
    try {
      server.listen({ port, host: address, backlog: 1024 });
      await once(server, 'listening');
      break;
    } catch (error) {
      if (port === 0) throw error;
    }
  }
  return (server.address() as AddressInfo).port;
}

// --- what is counted ----------------------------------------------------------------------------------------------

let messages = 0;
let handshakes = 0;
let last = 0;
let telling: NodeJS.Timeout | undefined;

/** Not for every message: that would be work of its own. */
const tellEvery = 5;

function changed(): void {
  telling ??= setTimeout(() => {
    telling = undefined;
    const { user, system } = process.cpuUsage();
    tellParent({ messages, handshakes, last, processorMs: (user + system) / 1000 } satisfies Tally);
  }, tellEvery);
}

// --- the hosts ----------------------------------------------------------------------------------------------------

function mute(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.resume();
}

function talker({ name, certificate }: SinkHost): (socket: Socket) => void {
  const context = createSecureContext({ cert: certificate.chainPem, key: certificate.keyPem });
  return (socket) => {
    new Conversation(socket, name, context).begin();
  };
}

class Conversation {
  #pending = '';
  #mode: 'commands' | 'message' = 'commands';
  #secured = false;

  readonly #socket: Socket;
  readonly #name: string;
  readonly #context: SecureContext;

  constructor(socket: Socket, name: string, context: SecureContext) {
    this.#socket = socket;
    this.#name = name;
    this.#context = context;
  }

  begin(): void {
    this.#listen(this.#socket);
    this.#socket.write(`220 ${this.#name} ESMTP\r\n`);
  }

  #listen(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      this.#pending += chunk.toString('latin1');
      this.#read(socket);
    });
  }

  /** One write for all that came together. */
  #read(socket: Socket): void {
    let said = '';
    for (;;) {
      const end = this.#pending.indexOf(this.#mode === 'message' ? '\r\n.\r\n' : '\r\n');
      if (end === -1) break;
      if (this.#mode === 'message') {
        this.#pending = this.#pending.slice(end + 5);
        this.#mode = 'commands';
        messages += 1;
        last = monotonicMs();
        changed();
        said += '250 2.0.0 taken\r\n';
        continue;
      }
      const verb = this.#pending.slice(0, 4).toUpperCase();
      this.#pending = this.#pending.slice(end + 2);
      if (verb === 'STAR' && !this.#secured) {
        socket.removeAllListeners('data');
        socket.write(`${said}220 2.0.0 go ahead\r\n`);
        this.#secure();
        return;
      }
      if (verb === 'QUIT') {
        socket.end(`${said}221 2.0.0 bye\r\n`);
        return;
      }
      said += this.#answer(verb);
    }
    if (said !== '') socket.write(said);
  }

  #answer(verb: string): string {
    switch (verb) {
      case 'EHLO': {
        const offers = this.#secured ? '' : '250-STARTTLS\r\n';
        return `250-${this.#name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n${offers}250 SIZE 10000000\r\n`;
      }
      case 'DATA':
        this.#mode = 'message';
        return '354 go ahead\r\n';
      case 'MAIL':
      case 'RCPT':
      case 'RSET':
      case 'NOOP':
        return '250 2.0.0 ok\r\n';
      default:
        return '500 5.5.2 unknown command\r\n';
    }
  }

  #secure(): void {
    const socket = this.#socket;
    this.#pending = '';
    const secured = new TLSSocket(socket, { isServer: true, secureContext: this.#context });
    secured.once('secure', () => {
      this.#secured = true;
      handshakes += 1;
      changed();
    });
    secured.on('close', () => socket.destroy());
    this.#listen(secured);
  }
}

// --- distance -----------------------------------------------------------------------------------------------------

/**
 * A road to `there` on which everything takes half of `roundTrip` each way. The system makes the connection to this end of it at once,
 * so that the time for it comes in front of the greeting: a round trip, and the client's last packet of it.
 */
function distance(
  there: { readonly host: string; readonly port: number },
  roundTrip: number,
): (near: Socket) => void {
  const half = roundTrip / 2;
  return (near) => {
    near.on('error', () => near.destroy());
    near.pause();
    setTimeout(() => {
      if (near.destroyed) return;
      const far = connect({ ...there, noDelay: true, allowHalfOpen: true });
      far.on('error', () => far.destroy());
      carry(near, far, half);
      carry(far, near, half);
      near.resume();
    }, roundTrip + half);
  };
}

/** Timers of one length run in order. */
function carry(from: Socket, to: Socket, ms: number): void {
  from.on('data', (chunk: Buffer) => setTimeout(() => to.write(chunk), ms));
  from.on('end', () => setTimeout(() => to.end(), ms));
  from.on('close', () => setTimeout(() => to.destroy(), 2 * ms));
}
