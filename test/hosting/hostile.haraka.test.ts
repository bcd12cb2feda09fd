/** Clients that misbehave at the policy listener of a real Haraka, which goes on taking mail meanwhile. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';
import { openCertificateOffice, type CertificateOffice } from '../../haraka-test-harness/certificates';
import { ask, freePort } from './support/https_client';

const host = 'mta-sts.one.example';
const path = '/.well-known/mta-sts.txt';

let office: CertificateOffice;
let lab: Lab;
let port: number;

beforeAll(async () => {
  office = await openCertificateOffice();
  port = await freePort();
  const { chainPem, keyPem } = await office.certificate(host, 'trusted');
  const second = await office.certificate('mta-sts.two.example', 'trusted');
  lab = await startLab(
    { domains: { 'sink.example': {} } },
    {
      config: {
        'tls-peers.ini': `[hosting]\nlisten = 127.0.0.1:${port}\n`,
        'tls-peers/one.example.ini': '[mta_sts]\nmx = mx.one.example\n',
        'tls-peers/two.example.ini': '[mta_sts]\nmx = mx.two.example\n',
        'tls/one.pem': keyPem + chainPem,
        'tls/two.pem': second.keyPem + second.chainPem,
      },
    },
  );
  await lab.haraka.waitForLog(/serving MTA-STS policies/);
});
afterAll(() => lab.stop());

const sound = () => ask({ port, ca: office.caPem, name: host });

/** KiB of memory that Haraka holds. */
function resident(): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${lab.haraka.pid}/status`, 'utf8'))?.[1]);
}

function tlsSocket(options: ConnectionOptions = {}): Socket {
  return connectTls({ host: '127.0.0.1', port, ca: office.caPem, servername: host, ...options });
}

/** Writes the parts as they come, and resolves with all that was answered once the connection is closed. */
async function conversation(
  socket: Socket,
  parts: AsyncIterable<string> | Iterable<string>,
): Promise<string> {
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([once(socket, 'secureConnect').catch(() => undefined), closed]);
  for await (const part of parts) {
    if (socket.destroyed) break;
    socket.write(part);
  }
  await closed;
  return heard;
}

/** One character after the other, ten in a second, until the other side has had enough. */
async function* trickle(text: string): AsyncIterable<string> {
  for (const char of text) {
    yield char;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function* slowBody(): AsyncIterable<string> {
  yield `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 900\r\n\r\n`;
  yield* trickle('x'.repeat(900));
}

const get = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

describe('a request that is not as it should be', () => {
  const requests: readonly (readonly [what: string, text: string, statuses: readonly string[]])[] = [
    ['path traversal', `GET /.well-known/../../../etc/passwd HTTP/1.1\r\nHost: ${host}\r\n\r\n`, ['404']],
    [
      'two Host headers',
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nHost: mta-sts.two.example\r\n\r\n`,
      ['400'],
    ],
    ['a wrong Host', `GET ${path} HTTP/1.1\r\nHost: mta-sts.two.example\r\n\r\n`, ['421']],
    ['no Host', `GET ${path} HTTP/1.1\r\n\r\n`, ['400']],
    ['HTTP/1.0 without Host', `GET ${path} HTTP/1.0\r\n\r\n`, ['200']],
    ['two requests in one packet', get + get, ['200']],
    [
      'a header of 100 KB',
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      ['431'],
    ],
    ['10,000 headers', `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${'a:\r\n'.repeat(10_000)}\r\n`, ['431']],
    [
      'a body',
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(100_000)}`,
      ['405'],
    ],
    [
      'a body announced first',
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
      ['405'],
    ],
    [
      'two lengths',
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      ['400'],
    ],
    [
      'length and chunks',
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ['400'],
    ],
    ['CONNECT', `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`, []],
    [
      'an upgrade',
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      ['200'],
    ],
    ['no HTTP', 'EHLO client.example\r\n\r\n', ['400']],
    ['octets at random', randomBytes(5000).toString('latin1'), ['400']],
  ];
  it.each(requests)('%s', async (_what, text, statuses) => {
    const heard = await conversation(tlsSocket(), [text]);
    const given = [...heard.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status);
    expect(given).toEqual(statuses);
    // Node's own answer to a missing Host is an empty body in chunks.
    if (!statuses.includes('200')) expect(heard.split('\r\n\r\n').slice(1).join('')).toMatch(/^0?$/);
    expect(await sound()).toMatchObject({ status: 200 });
  });

  it('TLS 1.1, no TLS and TLS garbage get no answer', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await conversation(tlsSocket(old), [])).toBe('');
    const bare = () =>
      connect(port, '127.0.0.1').once('connect', function (this: Socket) {
        this.emit('secureConnect');
      });
    expect(await conversation(bare(), [get])).not.toContain('STSv1');
    const garbage = `\x16\x03\x01\x02\x00\x01${randomBytes(600).toString('latin1')}`;
    expect(await conversation(bare(), [garbage])).not.toContain('HTTP');
    expect(await sound()).toMatchObject({ status: 200 });
  });
});

it('whoever trickles a header, a body or a handshake is cut off, and mail passes meanwhile', async () => {
  const since = performance.now();
  const seconds = () => ((performance.now() - since) / 1000).toFixed(1);
  const bare = connect(port, '127.0.0.1');
  const slow = {
    header: conversation(
      tlsSocket(),
      trickle(get.replace('\r\n\r\n', `\r\nX-Slow: ${'x'.repeat(1000)}\r\n\r\n`)),
    ),
    body: conversation(tlsSocket(), slowBody()),
    nothing: conversation(tlsSocket(), []),
    handshake: conversation(bare, []),
  };
  const ends: string[] = [];
  for (const [what, end] of Object.entries(slow)) void end.then(() => ends.push(`${what} ${seconds()} s`));
  const outcome = await lab.deliver({ from: 'a@one.example', to: 'b@sink.example' });
  expect(outcome.status).toBe('delivered');
  expect(await sound()).toMatchObject({ status: 200 });
  const heard = await Promise.all(Object.values(slow));
  expect(heard.join('')).not.toContain('STSv1');
  expect(await sound()).toMatchObject({ status: 200 });
  process.stdout.write(`cut off: ${ends.join(', ')}\n`);
}, 60_000);

it('ten thousand idle connections cost a bounded number of descriptors, and mail and policies pass meanwhile', async () => {
  const limit = Number(
    /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024,
  );
  const wanted = Math.min(10_000, limit - 500);
  const before = resident();
  const sockets: Socket[] = [];
  try {
    for (let index = 0; index < wanted; index += 500) {
      const batch = Array.from({ length: Math.min(500, wanted - index) }, (_, at) => {
        // From two hundred addresses, so that it is not the limit of one client that is met.
        const socket = connect({
          port,
          host: '127.0.0.1',
          localAddress: `127.0.9.${((index + at) % 200) + 1}`,
        });
        sockets.push(socket);
        socket.on('error', () => undefined);
        return Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
      });
      await Promise.all(batch);
    }
    const during = resident();
    const descriptors = openDescriptors();
    expect(await sound()).toMatchObject({ status: 200 });
    const outcome = await lab.deliver({ from: 'a@one.example', to: 'b@sink.example' });
    expect(outcome.status).toBe('delivered');
    expect(descriptors).toBeLessThan(800);
    expect(during - before).toBeLessThan(100 * 1024);
    process.stdout.write(
      `${sockets.length} idle connections (limit ${limit}): Haraka holds ${descriptors} descriptors, ` +
        `${(before / 1024).toFixed(0)} MB before and ${(during / 1024).toFixed(0)} MB during\n`,
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  expect(await sound()).toMatchObject({ status: 200 });
}, 120_000);

function openDescriptors(): number {
  return readdirSync(`/proc/${lab.haraka.pid}/fd`).length;
}
