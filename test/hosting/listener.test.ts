/** Ports that are taken, given up, or shared by both kinds of wildcard. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { PolicyServer } from '../../src/hosting/server';
import { loadSettings } from '../../src/settings/load/load';
import type { Settings } from '../../src/settings/schema/types';
import { memorySource } from '../settings/memory_source';
import { ask, freePort } from './support/https_client';

const servers: PolicyServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const settingsOf = (listenHttp: string): Settings =>
  loadSettings(
    memorySource({
      'tls-peers.ini': listenHttp === '' ? '' : `[hosting]\nlisten_http = ${listenHttp}\n`,
      'tls-peers/one.example.ini': '[mta_sts]\nmx = mx.one.example\n',
    }),
  ).settings;

function serve(settings: () => Settings): {
  server: PolicyServer;
  said: string[];
  heard: (text: RegExp) => Promise<void>;
} {
  const said: string[] = [];
  let wake: () => void = () => undefined;
  const note = (line: string) => {
    said.push(line);
    wake();
  };
  const server = new PolicyServer({
    settings,
    configDirectory: '/nonexistent',
    log: { debug: () => undefined, info: note, notice: note, warn: note, error: note },
    limits: { retryMs: 50 },
    lookMs: 50,
  });
  servers.push(server);
  const heard = async (text: RegExp) => {
    while (!said.some((line) => text.test(line))) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { server, said, heard };
}

const fetched = async (port: number) => (await ask({ port, ca: 'none', name: 'mta-sts.one.example' })).status;

it('a port that is taken is tried again until it is free, and said to be taken once', async () => {
  const rival = createServer().listen(0, '127.0.0.1');
  await once(rival, 'listening');
  const { port } = rival.address() as { port: number };
  const settings = settingsOf(`127.0.0.1:${port}`);
  const { server, said, heard } = serve(() => settings);
  await server.start();
  await heard(/EADDRINUSE.*tried again/);
  rival.close();
  await heard(/serving MTA-STS policies/);
  expect(await fetched(port)).toBe(200);
  expect(said.filter((line) => /EADDRINUSE/.test(line))).toHaveLength(1);
});

it('both wildcards listen at the same port', async () => {
  const port = await freePort();
  const settings = settingsOf(`0.0.0.0:${port}, [::]:${port}`);
  const { server, heard } = serve(() => settings);
  await server.start();
  // If one took the other's port, that one would never serve.
  await heard(/serving MTA-STS policies at http:\/\/0\.0\.0\.0/);
  await heard(/serving MTA-STS policies at http:\/\/\[::\]/);
  expect(await fetched(port)).toBe(200);
});

it('listeners follow the settings', async () => {
  const [one, two] = [await freePort(), await freePort()];
  let settings = settingsOf(`127.0.0.1:${one}`);
  const { server, heard } = serve(() => settings);
  await server.start();
  await heard(new RegExp(`:${one}$`));
  settings = settingsOf(`127.0.0.1:${two}`);
  await heard(new RegExp(`:${two}$`));
  expect(await fetched(two)).toBe(200);
  await expect(fetched(one)).rejects.toThrow(/ECONNREFUSED/);
  settings = settingsOf('');
  await expect.poll(() => server.addresses()).toEqual([]);
});

it('plain HTTP alone asks for no certificates', async () => {
  const settings = settingsOf(`127.0.0.1:${await freePort()}`);
  const { server, said, heard } = serve(() => settings);
  await server.start();
  await heard(/serving MTA-STS policies/);
  expect(said).toEqual([expect.stringMatching(/^serving MTA-STS policies at http:/)]);
});
