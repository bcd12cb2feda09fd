/** The HTTPS hosts at `mta-sts.<domain>` (RFC 8461 section 3.3): each on a loopback address of its own. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

import type { ServerCertificate } from './certificates';

/** What a policy host does with a request for its policy. */
export type PolicyBehaviour = keyof typeof behaviours;

export interface PolicyRequest {
  readonly method: string;
  readonly path: string;
  /** The Host header. */
  readonly host: string;
  /** Empty where the client sent none. */
  readonly sni: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface PolicyHost {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly requests: readonly PolicyRequest[];
  /** How many TCP connections came, whether a request followed or not. */
  readonly connections: number;
  setBody(body: string): void;
  setBehaviour(behaviour: PolicyBehaviour): void;
  setCertificate(certificate: ServerCertificate): void;
  stop(): Promise<void>;
}

export interface PolicyHostOptions {
  readonly name: string;
  readonly address: string;
  /** A free one where absent. */
  readonly port?: number;
  readonly body: string;
  readonly behaviour: PolicyBehaviour;
  readonly certificate: ServerCertificate;
}

type Answer = (response: ServerResponse, body: string, request: IncomingMessage) => void;

const text = { 'content-type': 'text/plain' };

const behaviours = {
  serve: (response, body) => void response.writeHead(200, text).end(body),
  'not-found': (response) => void response.writeHead(404, text).end('nothing here\n'),
  'server-error': (response) => void response.writeHead(500, text).end('broken\n'),
  redirect: (response) =>
    void response.writeHead(302, { location: '/elsewhere/mta-sts.txt' }).end('elsewhere\n'),
  garbage: (response) => void response.writeHead(200, text).end(Buffer.from([0, 255, 1, 254, 10, 58, 58])),
  'wrong-type': (response, body) => void response.writeHead(200, { 'content-type': 'text/html' }).end(body),
  /** More than any policy: 4 MiB, as fast as the client reads. */
  huge: (response, body) => void response.writeHead(200, text).end(body + 'x: y\r\n'.repeat(700_000)),
  silence: () => undefined,
  /** Headers and half of the body, then nothing. */
  stall: (response, body) => {
    response.writeHead(200, { ...text, 'content-length': body.length + 1 });
    response.write(body);
  },
  close: (_response, _body, request) => void request.socket.destroy(),
} satisfies Record<string, Answer>;

export async function startPolicyHost(options: PolicyHostOptions): Promise<PolicyHost> {
  const requests: PolicyRequest[] = [];
  const sockets = new Set<Socket>();
  let { body, behaviour } = options;
  let connections = 0;

  const server = createServer(pemOf(options.certificate), (request, response) => {
    const { servername } = request.socket as Socket & { servername?: string | false };
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      host: request.headers.host ?? '',
      sni: typeof servername === 'string' ? servername : '',
      headers: request.headers,
    });
    response.on('error', () => undefined);
    const answer: Answer = behaviours[behaviour];
    answer(response, body, request);
  });
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(options.port ?? 0, options.address);
  await once(server, 'listening');

  return {
    name: options.name,
    address: options.address,
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return connections;
    },
    setBody: (next) => {
      body = next;
    },
    setBehaviour: (next) => {
      behaviour = next;
    },
    setCertificate: (certificate) => server.setSecureContext(pemOf(certificate)),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

function pemOf(certificate: ServerCertificate): { cert: string; key: string } {
  return { cert: certificate.chainPem, key: certificate.keyPem };
}
