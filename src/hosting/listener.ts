/** One address and port at which policies are served. */
import * as http from 'node:http';
import * as https from 'node:https';
import { constants } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Log } from '../log';
import { canonicalDomain } from '../names';
import type { Endpoint } from '../settings/schema/values';
import { messageOf, printable } from '../text';
import type { Answer, Asked } from './answer';
import { Connections, type ConnectionLimits } from './connections';

export interface ListenerOptions extends Endpoint {
  /** `http`: behind a proxy that terminates TLS. */
  readonly scheme: 'https' | 'http';
  /** `any`: an IPv6 wildcard takes IPv4 connections as well. */
  readonly family: 'any' | 'own';
  readonly answer: (asked: Asked) => Answer;
  /** The certificate for a name in canonical form; `undefined` for a name that is not served. Never rejects. */
  readonly contextFor: (name: string) => Promise<SecureContext | undefined>;
  readonly log: Log;
  readonly limits?: Partial<ListenerLimits>;
}

export interface ListenerLimits extends ConnectionLimits {
  /** Milliseconds for the TLS handshake, for the request's header, and for the whole request. */
  readonly handshakeMs: number;
  readonly headerMs: number;
  readonly requestMs: number;
  readonly headerBytes: number;
  /** Milliseconds until a port that is taken is tried again. */
  readonly retryMs: number;
}

const defaults: ListenerLimits = {
  most: 500,
  mostPerClient: 50,
  lifetimeMs: 30_000,
  handshakeMs: 10_000,
  headerMs: 10_000,
  requestMs: 15_000,
  headerBytes: 8_192,
  retryMs: 10_000,
};

const sweepMs = 1_000;

export class PolicyListener {
  readonly connections: Connections;
  readonly #limits: ListenerLimits;
  readonly #server: http.Server;
  readonly #sweeper: NodeJS.Timeout;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;
  #lastProblem: string | undefined;
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#limits = { ...defaults, ...options.limits };
    // Every connection from a proxy comes from the same address.
    const mostPerClient = options.scheme === 'http' ? this.#limits.most : this.#limits.mostPerClient;
    this.connections = new Connections({ ...this.#limits, mostPerClient });
    this.#server = this.#create();
    this.#server.on('connection', (socket: Socket) => this.connections.admit(socket, Date.now()));
    this.#server.on('listening', () => {
      this.#lastProblem = undefined;
      options.log.notice(`serving MTA-STS policies at ${this.#url()}`);
    });
    this.#server.on('error', (error) => this.#onError(error));
    this.#sweeper = setInterval(() => this.connections.sweep(Date.now()), sweepMs);
    this.#sweeper.unref();
    this.#listen();
  }

  /** What is listened at, with the port that the system chose where it was left to it. */
  address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address : undefined;
  }

  /** Takes no more connections, gives those that are open `graceMs` to finish, and resolves once nothing is left. */
  close(graceMs = 0): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweeper);
    clearTimeout(this.#retry);
    return new Promise((resolve) => {
      const last = setTimeout(() => this.connections.closeAll(), graceMs);
      this.#server.close(() => {
        clearTimeout(last);
        resolve();
      });
    });
  }

  #listen(): void {
    const { address, port, family } = this.#options;
    this.#server.listen({ host: address, port, ipv6Only: family === 'own' && address.includes(':') });
  }

  #create(): http.Server {
    const { headerBytes, headerMs, requestMs, handshakeMs } = this.#limits;
    const common: http.ServerOptions = {
      maxHeaderSize: headerBytes,
      headersTimeout: headerMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: sweepMs,
      insecureHTTPParser: false,
    };
    const server =
      this.#options.scheme === 'http'
        ? http.createServer(common)
        : https.createServer({
            ...common,
            handshakeTimeout: handshakeMs,
            minVersion: 'TLSv1.2',
            secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
            // A client that offers only what is not in here gets no handshake (RFC 7301 section 3.2).
            ALPNProtocols: ['http/1.1', 'http/1.0'],
            SNICallback: (name, done) => {
              void this.#options
                .contextFor(canonicalDomain(name) ?? '')
                .then((context) => done(null, context));
            },
          });
    server.maxHeadersCount = 100;
    server.on('request', (request, response) => this.#respond(request, response));
    // Without a listener Node would invite the body.
    server.on('checkContinue', (request, response) => this.#respond(request, response));
    return server;
  }

  /** The body of a request is never read: the connection ends with the answer. */
  #respond(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { status, headers, body } = this.#answerTo(request);
    response.writeHead(status, headers);
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #answerTo(request: http.IncomingMessage): Answer {
    const { scheme, answer, log } = this.#options;
    const asked: Asked = {
      method: request.method ?? '',
      target: request.url ?? '',
      // `headers` has the first one alone.
      hosts: request.headersDistinct.host ?? [],
      serverName: scheme === 'https' ? serverNameOf(request.socket) : '',
    };
    try {
      const answered = answer(asked);
      const what = printable(`${asked.method} ${asked.hosts.join()}${asked.target}`, 120);
      log.debug(
        `policy request from ${request.socket.remoteAddress ?? 'unknown'}: ${what}: ${answered.status}`,
      );
      return answered;
    } catch (error) {
      log.error(`a policy request could not be answered: ${messageOf(error)}`);
      return { status: 404, headers: { 'Content-Length': 0, Connection: 'close' }, body: '' };
    }
  }

  #onError(error: Error): void {
    const { log } = this.#options;
    const { retryMs } = this.#limits;
    if (this.#closing) return;
    const problem = messageOf(error);
    if (problem !== this.#lastProblem) {
      log.error(
        `no policies are served at ${this.#url()}: ${problem}; tried again every ${retryMs / 1000} s`,
      );
    }
    this.#lastProblem = problem;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#listen(), retryMs);
    this.#retry.unref();
  }

  #url(): string {
    const { scheme, address, port } = this.#options;
    return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${this.address()?.port ?? port}`;
  }
}

/** Node has `false` where the client named none; such a client has no certificate to complete the handshake with. */
function serverNameOf(socket: Socket): string {
  const name: unknown = Reflect.get(socket, 'servername');
  return typeof name === 'string' ? name : '';
}
