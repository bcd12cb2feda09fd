import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import * as tls from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { openCertificateOffice } from '../../haraka-test-harness/certificates';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import { probeImplicitTls } from '../../src/probe/implicit_tls';
import type { Probe } from '../../src/probe/probe';
import type { TlsVersion } from '../../src/tls/version';

let pem: { key: string; cert: string };
beforeAll(async () => {
  const { chainPem, keyPem } = await (await openCertificateOffice()).certificate('mx.example', 'trusted');
  pem = { key: keyPem, cert: chainPem };
});

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function smtps(greeting: string, options: tls.TlsOptions = {}): Promise<number> {
  const server = tls.createServer({ ...pem, ...options }, (socket) => {
    socket.on('error', () => undefined);
    if (greeting !== '') socket.write(greeting);
  });
  server.on('tlsClientError', () => undefined);
  return listening(server);
}

function probe(port: number, newest?: TlsVersion): Promise<Probe> {
  const terms = handshakeTerms({
    kind: 'opportunistic',
    minVersion: newest ?? 'TLSv1',
    cleartextFallback: 'never',
    serverName: 'mx.example',
    observe: undefined,
    because: 'opportunistic',
  });
  const haraka = newest === undefined ? {} : { maxVersion: newest };
  const handshake = { terms, haraka, certificate: 'none', hello: 'default' } as const;
  return probeImplicitTls({ address: '127.0.0.1', port, handshake, deadlineMs: 700 });
}

test('a mail server behind TLS', async () => {
  const seen = await probe(await smtps('220 mx.example ESMTP\r\n'));
  expect(seen).toMatchObject({
    kind: 'encrypted',
    then: { kind: 'ready' },
    session: { protocol: 'TLSv1.3' },
  });
  expect(seen.kind === 'encrypted' && seen.session.certificates.chain()).toHaveLength(1);
});

test.each<[string, string, RegExp]>([
  ['another greeting', '554 no\r\n', /554 no/],
  ['no greeting', '', /no answer in time/],
])('%s', async (_, greeting, problem) => {
  const seen = await probe(await smtps(greeting));
  expect(seen).toMatchObject({ kind: 'encrypted', then: { kind: 'failed' } });
  expect(seen.kind === 'encrypted' && seen.then.kind === 'failed' && seen.then.problem).toMatch(problem);
});

test('a version that the listener refuses', async () => {
  const port = await smtps('220 mx.example\r\n', { minVersion: 'TLSv1.3' });
  expect(await probe(port, 'TLSv1.2')).toMatchObject({
    kind: 'no_tls',
    failure: { reason: 'tls-version-too-low' },
  });
  expect(await probe(port, 'TLSv1.3')).toMatchObject({ kind: 'encrypted' });
});

test('a server in cleartext, one that is silent, and none', async () => {
  const plain = await listening(createServer((socket) => socket.end('220 mx.example ESMTP\r\n')));
  expect(await probe(plain)).toMatchObject({ kind: 'no_tls' });
  const silent = await listening(createServer());
  expect(await probe(silent)).toMatchObject({ kind: 'no_tls', failure: { reason: 'tls-handshake-failed' } });
  const gone = createServer();
  const port = await listening(gone);
  servers.pop();
  gone.close();
  await once(gone, 'close');
  expect(await probe(port)).toMatchObject({ kind: 'unreachable' });
});
