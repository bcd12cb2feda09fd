/** What a new user does, with nothing of the lab but its network: install Haraka, install the package, one line, one file. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { freePort } from '../../../haraka-test-harness/program';
import { buildWorld, type BuiltWorld } from '../../../haraka-test-harness/build_world';
import { harakaDirectory } from '../../../haraka-test-harness/haraka_directory';
import { submit } from '../../../haraka-test-harness/smtp_client';

const root = path.resolve(import.meta.dirname, '../../..');
const haraka = path.join(harakaDirectory(), 'bin/haraka');
const run = promisify(execFile);

const cleanUp: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp.length = 0;
});

class Log {
  readonly lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  follow(child: ChildProcess): void {
    for (const output of [child.stdout, child.stderr]) {
      if (output === null) continue;
      createInterface({ input: output }).on('line', (line) => {
        this.lines.push(line);
        for (const look of this.#waiting) look();
      });
    }
  }

  line(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`nothing like ${String(pattern)} in the log:\n${this.lines.join('\n')}`));
      }, 15_000);
      const look = (): void => {
        const found = this.lines.find((line) => pattern.test(line));
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

async function install(directory: string): Promise<string> {
  const install = path.join(directory, 'haraka');
  await run(process.execPath, [haraka, '-i', install]);
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(directory, filename)], {
    cwd: install,
  });
  return install;
}

function start(install: string, world: BuiltWorld, directory: string): Log {
  const log = new Log();
  const child = spawn(process.execPath, [haraka, '-c', install], {
    cwd: install,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // The network of the lab: ports 25 and 443 of its addresses lead to its peers.
      NODE_OPTIONS: `--require ${JSON.stringify(path.join(root, 'haraka-test-harness/shim.cjs'))}`,
      TLS_PEERS_LAB: JSON.stringify({ routes: path.join(directory, 'routes.json'), dns: world.dns.address }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  log.follow(child);
  cleanUp.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return log;
}

it('delivers under `mandatory`, and defers to a peer without STARTTLS with the reason in the log', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-walk-'));
  cleanUp.push(() => rm(directory, { recursive: true, force: true }));
  const world = await buildWorld({
    domains: { 'sound.example': {}, 'bare.example': { mx: [{ behaviour: 'no-starttls' }] } },
  });
  cleanUp.push(world.stop);
  await writeFile(path.join(directory, 'routes.json'), JSON.stringify(Object.fromEntries(world.routes)));

  const haraka = await install(directory);
  const config = path.join(haraka, 'config');
  // What any relay needs: where to listen, who may relay, and here that MX hosts are on this machine.
  const port = await freePort();
  await writeFile(path.join(config, 'smtp.ini'), `listen=127.0.0.1:${port}\nnodes=0\n`);
  await writeFile(path.join(config, 'relay_acl_allow'), '127.0.0.1/32\n');
  await writeFile(path.join(config, 'relay.ini'), '[relay]\nacl=true\n');
  await writeFile(path.join(config, 'outbound.ini'), 'local_mx_ok=true\n');
  await writeFile(path.join(config, 'plugins'), 'relay\nrcpt_to.in_host_list\n');
  // What the suite needs: one line in config/plugins, one file per managed domain.
  await appendFile(path.join(config, 'plugins'), 'tls-peers\n');
  await mkdir(path.join(config, 'tls-peers'));
  await writeFile(
    path.join(config, 'tls-peers/ours.example.ini'),
    '[outbound]\nsecurity_level = mandatory\n',
  );
  await writeFile(path.join(config, 'tls-peers.ini'), `[resolver]\nservers = ${world.dns.address}\n`);

  const log = start(haraka, world, directory);
  await log.line(/resolver .* validates DNSSEC/);
  const send = (to: string): Promise<void> =>
    submit({
      port,
      from: 'a@ours.example',
      to: [to],
      data: `To: ${to}\r\nSubject: walk\r\n\r\nHello.`,
      timeoutMs: 10_000,
    });

  await send('b@sound.example');
  expect(await log.line(/tls-peers delivered/)).toMatch(
    /level=mandatory .*host=mx\.sound\.example .*tls_version=TLSv1\.3/,
  );
  expect(world.peers.get('mx.sound.example')?.messages).toMatchObject([{ protection: 'TLSv1.3' }]);

  await send('b@bare.example');
  expect(await log.line(/tls-peers deferred/)).toContain('starttls-not-supported');
  expect(await log.line(/Temp failing/)).toContain('the peer does not offer STARTTLS');
  expect(world.peers.get('mx.bare.example')?.messages).toEqual([]);

  // The install gained one package and nothing else.
  const locked = JSON.parse(await readFile(path.join(haraka, 'package-lock.json'), 'utf8')) as {
    packages: object;
  };
  expect(Object.keys(locked.packages)).toEqual(['', 'node_modules/haraka-plugin-tls-peers']);
}, 90_000);
