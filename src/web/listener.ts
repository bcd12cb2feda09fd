/** An address and port of our own, for those who do not run Haraka's http. */
import { constants } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { Connections } from '../hosting/connections';
import type { Log } from '../log';
import type { Endpoint } from '../settings/schema/values';
import { messageOf, printable } from '../text';

export interface WebListenerOptions extends Endpoint {
  readonly handler: http.RequestListener;
  /** Chain and key as PEM; `plain` for HTTP. */
  readonly pair: SecureContextOptions | 'plain';
  readonly log: Log;
}

const limits = { most: 200, mostPerClient: 200, lifetimeMs: 300_000 } as const;

const sweepMs = 2_000;
const retryMs = 10_000;

export class WebListener {
  readonly #options: WebListenerOptions;
  readonly #server: http.Server;
  readonly #connections = new Connections(limits);
  readonly #sweeper: NodeJS.Timeout;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;
  #said = '';

  constructor(options: WebListenerOptions) {
    this.#options = options;
    this.#server = this.#create();
    this.#server.maxHeadersCount = 100;
    this.#server.on('connection', (socket: Socket) => this.#connections.admit(socket, Date.now()));
    this.#server.on('listening', () => {
      this.#said = '';
      options.log.notice(`the page is served at ${this.#url()}`);
    });
    this.#server.on('error', (error) => this.#failed(error));
    this.#sweeper = setInterval(() => this.#connections.sweep(Date.now()), sweepMs);
    this.#sweeper.unref();
    this.#listen();
  }

  get isEncrypted(): boolean {
    return this.#server instanceof https.Server;
  }

  renew(pair: SecureContextOptions): void {
    if (this.#server instanceof https.Server) this.#server.setSecureContext(pair);
  }

  close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweeper);
    clearTimeout(this.#retry);
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#connections.closeAll();
    });
  }

  #listen(): void {
    const { address, port } = this.#options;
    this.#server.listen({ host: address, port });
  }

  #create(): http.Server {
    const { handler, pair } = this.#options;
    const common = {
      maxHeaderSize: 16_384,
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: sweepMs,
    };
    if (pair === 'plain') return http.createServer(common, handler);
    const secure = { minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const;
    return https.createServer({ ...common, ...pair, ...secure, handshakeTimeout: 10_000 }, handler);
  }

  #failed(error: Error): void {
    if (this.#closing) return;
    const fault = messageOf(error);
    if (fault !== this.#said)
      this.#options.log.error(
        `no page at ${this.#url()}: ${printable(fault)}; tried again every ${retryMs / 1000} s`,
      );
    this.#said = fault;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#listen(), retryMs);
    this.#retry.unref();
  }

  #url(): string {
    const { address, port } = this.#options;
    const scheme = this.isEncrypted ? 'https' : 'http';
    return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}/tls-peers/`;
  }
}
