/** Policy hosts on loopback, each at an address of its own, and the DNS that names them. */
import { once } from 'node:events';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { createCa, issue, type CertificateOptions, type Issued } from '../../../haraka-test-harness/pki';
import type { Answer, LookupFailure } from '../../../src/dns/types';
import type { OpenTls } from '../../../src/mta_sts/connect';
import type { StsResolver } from '../../../src/mta_sts/policies';

/** What a host does with a connection that speaks TLS and has asked for something. `raw`: the TCP connection below it. */
export type Answerer = (socket: tls.TLSSocket, request: string, raw: net.Socket) => void;

export interface HostOptions {
  readonly address: string;
  readonly certificate?: Pick<Issued, 'certPem' | 'keyPem'>;
  readonly tls?: tls.TlsOptions;
  readonly answer: Answerer;
}

export interface PolicyHost {
  readonly requests: readonly string[];
  /** Connections now, and the most at a time. */
  readonly connections: { now: number; most: number };
}

/** One for all: what is made of its roots is made once. */
let oneCa: Promise<Issued> | undefined;

/** Everything that a test needs: a CA, hosts, DNS, and how to open connections to the hosts' ports. */
export class Hosts {
  readonly ports = new Map<string, number>();
  readonly dns = new ScriptedDns();
  readonly #servers: net.Server[] = [];
  readonly #sockets = new Set<net.Socket>();

  private constructor(readonly ca: Issued) {}

  static async create(): Promise<Hosts> {
    return new Hosts(await (oneCa ??= createCa()));
  }

  /** Connections per address: those that are not closed, the most at a time, and all. */
  readonly opened = new Map<string, { now: number; most: number; all: number }>();

  readonly open: OpenTls = (address, options) => {
    const count = this.opened.get(address) ?? { now: 0, most: 0, all: 0 };
    this.opened.set(address, count);
    count.all++;
    count.most = Math.max(count.most, ++count.now);
    // Where nothing listens the connection is refused, as it is for a host that is down.
    const socket = tls.connect({ ...options, host: address, port: this.ports.get(address) ?? 1 });
    return socket.once('close', () => count.now--);
  };

  issue(options: CertificateOptions): Promise<Issued> {
    return issue(this.ca, options);
  }

  async addTls({ address, certificate, tls: more, answer }: HostOptions): Promise<PolicyHost> {
    const requests: string[] = [];
    const raws = new Map<number | undefined, net.Socket>();
    const server = tls.createServer(
      { ...more, cert: certificate?.certPem, key: certificate?.keyPem },
      (socket) => {
        socket.on('error', () => undefined);
        let head = '';
        const read = (chunk: Buffer) => {
          head += chunk.toString('latin1');
          if (!head.includes('\r\n\r\n')) return;
          socket.off('data', read);
          requests.push(head);
          answer(socket, head, raws.get(socket.remotePort)!);
        };
        socket.on('data', read);
      },
    );
    server.on('connection', (raw: net.Socket) => {
      const { remotePort } = raw;
      raws.set(remotePort, raw);
      raw.once('close', () => raws.delete(remotePort));
    });
    server.on('tlsClientError', () => undefined);
    return { requests, connections: await this.#listen(server, address) };
  }

  /** A host that is not even TLS. */
  async addPlain(address: string, answer: (socket: net.Socket) => void): Promise<PolicyHost> {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      answer(socket);
    });
    return { requests: [], connections: await this.#listen(server, address) };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #listen(server: net.Server, address: string) {
    const connections = { now: 0, most: 0 };
    server.on('connection', (socket: net.Socket) => {
      connections.most = Math.max(connections.most, ++connections.now);
      this.#sockets.add(socket);
      socket.once('close', () => {
        connections.now--;
        this.#sockets.delete(socket);
      });
    });
    server.listen(0, address);
    await once(server, 'listening');
    this.#servers.push(server);
    this.ports.set(address, (server.address() as AddressInfo).port);
    return connections;
  }
}

type Zone = Map<string, readonly string[] | LookupFailure | 'silent'>;

/** DNS as data. It counts the questions, answers in a later turn, and leaves `silent` names without an answer. */
export class ScriptedDns implements StsResolver {
  readonly zones = { txt: new Map() as Zone, a: new Map() as Zone, aaaa: new Map() as Zone };
  readonly questions: string[] = [];

  txt = (name: string, options?: { signal?: AbortSignal }) => this.#ask('txt', name, options);
  a = (name: string, options?: { signal?: AbortSignal }) => this.#ask('a', name, options);
  aaaa = (name: string, options?: { signal?: AbortSignal }) => this.#ask('aaaa', name, options);

  #ask(
    type: keyof ScriptedDns['zones'],
    name: string,
    options?: { signal?: AbortSignal },
  ): Promise<Answer<string>> {
    this.questions.push(`${type} ${name}`);
    const found = this.zones[type].get(name);
    return new Promise((resolve) => {
      if (found === 'silent') {
        options?.signal?.addEventListener('abort', () => resolve(failed('cancelled', name)));
      } else setImmediate(() => resolve(answerOf(found, name)));
    });
  }
}

function answerOf(found: readonly string[] | LookupFailure | undefined, name: string): Answer<string> {
  if (typeof found === 'string') return failed(found, name);
  if (found === undefined || found.length === 0) {
    return { kind: 'denied', secure: false, denial: 'nodata', canonicalName: name, ttl: 60 };
  }
  return { kind: 'records', secure: false, records: found, canonicalName: name, ttl: 60 };
}

function failed(cause: LookupFailure, name: string): Answer<string> {
  return { kind: 'failed', cause, detail: `${name}: ${cause}` };
}

/** A whole HTTP response. */
export function response(
  body: string | Buffer,
  { status = '200 OK', type = 'text/plain', headers = [] as readonly string[] } = {},
): Buffer {
  const head = [
    `HTTP/1.1 ${status}`,
    ...(type === '' ? [] : [`Content-Type: ${type}`]),
    ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    '',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
}

export function policyText({ mode = 'enforce', mx = 'mx.example.com', maxAge = 86_400 } = {}): string {
  return `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: ${maxAge}\r\n`;
}
