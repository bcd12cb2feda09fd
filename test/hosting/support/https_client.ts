/** One request to a listener on loopback, and what its certificate was. */
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
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

/** A port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
