/** Queries over TCP (RFC 7766) and TLS (RFC 7858): several at once on one connection, answered in any order. */
import { randomInt } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { messageOf } from '../text';
import { nameError, verifiedContextOptions } from '../tls/verified';
import { abortOutcome, judgeArrival, type Exchange } from './exchange';
import { encodeQuery, type Opt } from './query';
import type { Question } from './question';
import type { ResolverServer } from './server';

export type ConnectTls = (options: ConnectionOptions) => Socket;

export interface StreamOptions {
  /** For how long (ms) a connection without a question stays open. 0: not at all. */
  readonly idleMs: number;
  /** Opens a connection over TLS. */
  readonly connectTls: ConnectTls;
  /** A message that answers no question in flight arrived and was ignored. */
  readonly onForeign: (why: string) => void;
}

interface Waiting {
  readonly question: Question;
  readonly finish: (outcome: Exchange) => void;
}

/** One connection to one resolver. It opens at once; after `isOpen` turned false it takes no more questions. */
export class StreamConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #options: StreamOptions;
  readonly #label: string;
  #received: Buffer[] = [];
  #receivedLength = 0;
  #arrivals = 0;
  #idle: NodeJS.Timeout | undefined;
  #open = true;

  constructor(server: ResolverServer, options: StreamOptions) {
    this.#options = options;
    this.#label = server.transport === 'tls' ? 'TLS' : 'TCP';
    this.#socket = open(server, options.connectTls);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.#fail(messageOf(error)));
    this.#socket.on('end', () => this.#fail('closed by the resolver'));
    this.#socket.on('close', () => this.#fail('closed'));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Sends `question` and waits for its answer, for as long as `signal` lets it. Never rejects. */
  ask(question: Question, opt: Opt, signal: AbortSignal): Promise<Exchange> {
    if (signal.aborted) return Promise.resolve(abortOutcome(signal));
    if (!this.#open) return Promise.resolve(this.#networkFailure('closed'));
    clearTimeout(this.#idle);
    const id = this.#freshId();
    const arrivalsBefore = this.#arrivals;
    return new Promise((resolve) => {
      const onAbort = () => {
        const outcome = abortOutcome(signal);
        this.#waiting.get(id)?.finish(outcome);
        // Nothing at all came while an answer was due: the next question had better not wait here too.
        const silent = this.#arrivals === arrivalsBefore;
        if (silent && outcome.kind === 'failed' && outcome.cause === 'timeout') this.#fail('silent');
      };
      const finish = (outcome: Exchange) => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(id);
        resolve(outcome);
        this.#rest();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, { question, finish });
      const query = encodeQuery(id, question, opt);
      // The length and the message in one write (RFC 7766 section 8).
      const framed = Buffer.alloc(2 + query.length);
      framed.writeUInt16BE(query.length);
      query.copy(framed, 2);
      this.#socket.write(framed);
    });
  }

  /** Ends the connection and every question on it. */
  close(): void {
    this.#fail('closed');
  }

  #freshId(): number {
    for (;;) {
      const id = randomInt(0x10000);
      if (!this.#waiting.has(id)) return id;
    }
  }

  #onData(chunk: Buffer): void {
    this.#arrivals++;
    this.#received.push(chunk);
    this.#receivedLength += chunk.length;
    for (let message = this.#takeMessage(); message !== undefined; message = this.#takeMessage()) {
      this.#deliver(message);
    }
  }

  /** The next whole message, if it has arrived. Joins chunks only then, so that a slow sender costs no more. */
  #takeMessage(): Buffer | undefined {
    if (this.#receivedLength < 2) return undefined;
    const [first] = this.#received;
    if (first === undefined) return undefined;
    if (first.length < 2) this.#received = [Buffer.concat(this.#received)];
    const end = 2 + (this.#received[0]?.readUInt16BE(0) ?? 0);
    if (this.#receivedLength < end) return undefined;
    const all = Buffer.concat(this.#received);
    this.#received = all.length > end ? [all.subarray(end)] : [];
    this.#receivedLength = all.length - end;
    return all.subarray(2, end);
  }

  #deliver(message: Buffer): void {
    const id = message.length < 2 ? -1 : message.readUInt16BE(0);
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) {
      this.#options.onForeign('another id');
      return;
    }
    const arrival = judgeArrival(message, id, waiting.question);
    if (arrival.kind === 'foreign') this.#options.onForeign(arrival.why);
    else if (arrival.kind === 'truncated') {
      waiting.finish({ kind: 'failed', cause: 'malformed', why: `truncated over ${this.#label}` });
    } else waiting.finish(arrival);
  }

  #rest(): void {
    if (this.#waiting.size > 0 || !this.#open) return;
    if (this.#options.idleMs === 0) {
      this.#fail('closed');
      return;
    }
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#fail('closed'), this.#options.idleMs);
    this.#idle.unref();
  }

  #networkFailure(why: string): Exchange {
    return { kind: 'failed', cause: 'network', why: `${this.#label}: ${why}` };
  }

  #fail(why: string): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#idle);
    this.#socket.destroy();
    this.#received = [];
    this.#receivedLength = 0;
    for (const { finish } of [...this.#waiting.values()]) finish(this.#networkFailure(why));
  }
}

function open(server: ResolverServer, connectTls: ConnectTls): Socket {
  const { address: host, port } = server;
  if (server.transport !== 'tls') return connectTcp({ host, port });
  return connectTls({
    host,
    port,
    servername: server.name,
    ...verifiedContextOptions(),
    // Said aloud: NODE_TLS_REJECT_UNAUTHORIZED counts where nothing is said.
    rejectUnauthorized: true,
    checkServerIdentity: (_host, { raw }) => nameError(server.name, raw),
  });
}
