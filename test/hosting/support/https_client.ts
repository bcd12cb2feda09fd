/** One request to a listener on loopback, and what its certificate was. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';

export interface Wish {
  readonly port: number;
  /** PEM; `none` for plain HTTP. */
  readonly ca: string;
  /** SNI, and the Host header where `host` is absent. */
  readonly name: string;
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
}

export interface Got {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Empty without TLS. */
  readonly fingerprint: string;
}

export async function ask({ port, ca, name, host = name, path, method }: Wish): Promise<Got> {
  const options = {
    host: '127.0.0.1',
    port,
    path: path ?? '/.well-known/mta-sts.txt',
    method: method ?? 'GET',
    headers: { Host: host },
    agent: false,
    timeout: 10_000,
  } as const;
  const request = ca === 'none' ? http.request(options) : https.request({ ...options, ca, servername: name });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const { socket } = response;
  const fingerprint = socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : '';
  const body = await text(response);
  return { status: response.statusCode ?? 0, headers: response.headers, body, fingerprint };
}

/**
 * A port that nobody listens at, at any address. Below those that the system hands out by itself, so that nobody gets it
 * in between.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer().listen(port, '0.0.0.0');
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
