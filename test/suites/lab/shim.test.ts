import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startDnsServer, type DnsServer } from '../../../haraka-test-harness/dns_server';

const shim = path.resolve(import.meta.dirname, '../../../haraka-test-harness/shim.cjs');

describe('the shim, in a process of its own', () => {
  let directory: string;
  let dns: DnsServer;
  let server: Server;
  let routesFile: string;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-shim-'));
    dns = await startDnsServer();
    server = createServer((socket) => socket.end('here\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    routesFile = path.join(directory, 'routes.json');
    await writeFile(
      routesFile,
      JSON.stringify({
        '192.0.2.1|25': { ...target, route: 'open' },
        '2001:db8::1|25': { ...target, route: 'open' },
        '25.1.1.1|443': { ...target, route: 'open' },
        '192.0.2.2|25': { ...target, route: 'refused' },
        '192.0.2.3|25': { ...target, route: 'silent' },
        '192.0.2.4|25': { ...target, route: { delayMs: 200 } },
      }),
    );
    dns.set({ name: 'mx.example', type: 'A', records: [{ type: 'A', address: '192.0.2.1' }] });
    dns.set({ name: 'both.example', type: 'A', records: [{ type: 'A', address: '192.0.2.1' }] });
    dns.set({ name: 'both.example', type: 'AAAA', records: [{ type: 'AAAA', address: '2001:db8::99' }] });
  });
  afterAll(async () => {
    server.close();
    await dns.stop();
    await rm(directory, { recursive: true });
  });

  /** What the script prints; it has `net`, `dns` and `say`, and `hear(socket)` says what became of a connection. */
  async function run(script: string): Promise<string[]> {
    const prelude = `
      const net = require('node:net'); const dns = require('node:dns');
      const say = (text) => process.stdout.write(text + '\\n');
      const hear = (socket) => socket.on('data', (d) => say(String(d).trim())).on('error', (e) => say(e.code));
    `;
    const child = spawn(process.execPath, ['-e', prelude + script], {
      env: {
        PATH: process.env['PATH'],
        NODE_OPTIONS: `--require ${JSON.stringify(shim)}`,
        TLS_PEERS_LAB: JSON.stringify({ routes: routesFile, dns: dns.address }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(child, 'close');
    return Buffer.concat(chunks).toString().split('\n').filter(Boolean);
  }

  it.each([
    ['port and host', `hear(net.connect(25, '192.0.2.1'))`],
    ['options', `hear(net.connect({ host: '192.0.2.1', port: 25 }))`],
    ['a socket of its own', `hear(new net.Socket().connect({ host: '192.0.2.1', port: 25 }))`],
    ['a port as text', `hear(net.connect({ host: '192.0.2.1', port: '25' }))`],
    ['IPv6', `hear(net.connect({ host: '2001:db8::1', port: 25 }))`],
    ['port 443', `hear(net.connect({ host: '25.1.1.1', port: 443 }))`],
    ['a name', `hear(net.connect({ host: 'mx.example', port: 25 }))`],
    [
      'a name whose first address refuses',
      `hear(net.connect({ host: 'both.example', port: 25, autoSelectFamily: true }))`,
    ],
    [
      'a TLS socket',
      `require('node:tls').connect({ host: '192.0.2.1', port: 25 }).on('error', (e) => say(/wrong version|packet length|unexpected eof/i.test(e.message) ? 'here' : e.message))`,
    ],
  ])('leads a connection by %s to the host behind the address', async (_, script) => {
    expect(await run(script)).toEqual(['here']);
  });

  it.each([
    ['refused by its route', '192.0.2.2', 25],
    ['outside of the lab', '198.51.100.9', 25],
    ['outside of the lab, at any port', '198.51.100.9', 8080],
    ['on this machine, at a mail port that is not of the lab', '127.0.0.1', 25],
  ])('refuses a connection that is %s', async (_, host, port) => {
    expect(await run(`hear(net.connect(${port}, '${host}'))`)).toEqual(['ECONNREFUSED']);
  });

  it('neither accepts nor refuses where the route is silent, and the socket can be given up', async () => {
    const script = `
      const socket = hear(net.connect(25, '192.0.2.3'));
      socket.setTimeout(100, () => { say('still ' + (socket.connecting ? 'connecting' : 'what')); socket.destroy(); });
    `;
    expect(await run(script)).toEqual(['still connecting']);
  });

  it('delays a connection, which others overtake', async () => {
    const script = `
      hear(net.connect(25, '192.0.2.4')).on('connect', () => say('late'));
      hear(net.connect(25, '192.0.2.1')).on('connect', () => say('soon'));
    `;
    const heard = await run(script);
    expect(heard.filter((line) => line !== 'here')).toEqual(['soon', 'late']);
  });

  it('survives a socket that is destroyed while its connection is delayed', async () => {
    const script = `
      const socket = hear(net.connect(25, '192.0.2.4'));
      socket.on('close', () => say('closed'));
      setTimeout(() => socket.destroy(), 20);
    `;
    expect(await run(script)).toEqual(['closed']);
  });

  it('leaves connections within the machine alone', async () => {
    const { port } = server.address() as AddressInfo;
    expect(await run(`hear(net.connect(${port}, '127.0.0.1'))`)).toEqual(['here']);
  });

  it.each([
    ['dns.resolve4', `dns.resolve4('mx.example', (e, a) => say(String(e?.code ?? a)))`],
    ['dns.promises', `dns.promises.resolve4('mx.example').then((a) => say(String(a)))`],
    [
      'a resolver of its own',
      `new dns.promises.Resolver({ tries: 1 }).resolve4('mx.example').then((a) => say(String(a)))`,
    ],
    ['dns.lookup', `dns.lookup('mx.example', (e, a) => say(String(e?.code ?? a)))`],
  ])('makes %s ask the lab', async (_, script) => {
    expect(await run(script)).toEqual(['192.0.2.1']);
  });

  it('knows no name that the lab does not know', async () => {
    expect(await run(`dns.lookup('www.iana.org', (e) => say(e.code))`)).toEqual(['ENOTFOUND']);
  });
});
