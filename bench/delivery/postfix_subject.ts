/**
 * Debian's Postfix with a configuration, a queue and a log of its own, at security level `dane`.
 *
 * Its resolver is the C library's, which knows no port but 53 and no file but /etc/resolv.conf. So Postfix gets a view of the file
 * system of its own in which another file is in that place, and the resolver of the benchmark has port 53 on an address of its own.
 * Everything else is as for every other subject: the sinks have port 25.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { inject, tell } from './injector';
import { processorMsOf } from './processor';
import { connections, type Subject } from './subject';
import type { Surroundings } from './surroundings';

const run = promisify(execFile);

export interface PostfixKind {
  readonly software: 'postfix';
  /** `smtp_tls_connection_reuse` */
  readonly reuse: 'yes' | 'no';
}

const master = '/usr/lib/postfix/sbin/master';

/** What keeps it from being measured here; empty where nothing does. */
export function postfixMissing({ ports }: Pick<Surroundings, 'ports'>): string {
  if (!existsSync(master)) return 'Postfix is not installed (apt-get install postfix)';
  if (process.getuid?.() !== 0) return 'Postfix has to be started by root';
  if (ports !== 'usual') return 'Postfix finds neither resolver nor sinks: ports 53 and 25 are not to be had';
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0)
    return 'Postfix cannot be given a resolver of its own: no mount namespaces here';
  return '';
}

/** @param concurrency deliveries at a time, as many processes of smtp(8) */
export async function startPostfixSubject(
  surroundings: Surroundings,
  name: string,
  { reuse }: PostfixKind,
  concurrency: number,
): Promise<Subject> {
  const at = (...names: string[]): string => path.join(surroundings.directory, name, ...names);
  const [port, holding] = [await freePort(), await freePort()];
  for (const directory of ['.', 'etc', 'queue', 'data']) await mkdir(at(directory), { recursive: true });
  // Postfix's own user has to find its way.
  await Promise.all([surroundings.directory, at('.')].map((one) => chmod(one, 0o755)));
  await run('chown', ['postfix', at('data')]);
  await writeFile(at('resolv.conf'), `nameserver ${surroundings.dns.address}\noptions edns0 trust-ad\n`);
  await writeFile(at('etc/main.cf'), mainCf(at, reuse));
  await writeFile(at('etc/master.cf'), masterCf(port, holding, concurrency));
  await run('postfix', ['-c', at('etc'), 'check']);
  const child = start(at);
  try {
    await Promise.all([port, holding].map((one) => answering(one, child, at('log'))));
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    take: (letters) => inject(port, letters, connections),
    hold: async (letters) => {
      await inject(holding, letters, connections);
      // Into the deferred queue, as mail that waits for its next attempt.
      await run('postsuper', ['-c', at('etc'), '-H', 'ALL']);
    },
    release: async () => {
      await run('postqueue', ['-c', at('etc'), '-f']);
    },
    waits: () => Promise.resolve([]),
    processorMs: () => processorMsOf(child.pid ?? 0),
    stop: () => end(child),
  };
}

function mainCf(at: (...names: string[]) => string, reuse: 'yes' | 'no'): string {
  const settings = {
    compatibility_level: '3.6',
    queue_directory: at('queue'),
    data_directory: at('data'),
    maillog_file: at('log'),
    maillog_file_prefixes: at('.'),
    myhostname: 'mail.lab.example',
    inet_interfaces: 'loopback-only',
    inet_protocols: 'ipv4',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    smtpd_relay_restrictions: 'permit_mynetworks, reject',
    smtp_dns_support_level: 'dnssec',
    smtp_tls_security_level: 'dane',
    smtp_tls_connection_reuse: reuse,
    // Mail is not to be slowed down because it comes faster than it leaves: that would be measured.
    in_flow_delay: '0',
    // What waits is to wait until it is told to go.
    queue_run_delay: '1h',
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/** Services as Debian has them, without chroot. */
function masterCf(port: number, holding: number, concurrency: number): string {
  const service = (name: string, type: string, command: string, limits = '- -', isPrivate = '-'): string =>
    `${name} ${type} ${isPrivate} - n ${limits} ${command}\n`;
  return [
    service(`127.0.0.1:${port}`, 'inet', 'smtpd', '- -', 'n'),
    service(
      `127.0.0.1:${holding}`,
      'inet',
      'smtpd -o smtpd_client_restrictions=check_client_access,static:HOLD',
      '- -',
      'n',
    ),
    service('pickup', 'unix', 'pickup', '60 1', 'n'),
    service('cleanup', 'unix', 'cleanup', '- 0', 'n'),
    service('qmgr', 'unix', 'qmgr', '300 1', 'n'),
    service('tlsmgr', 'unix', 'tlsmgr', '1000? 1'),
    service('rewrite', 'unix', 'trivial-rewrite'),
    ...['bounce', 'defer', 'trace'].map((name) => service(name, 'unix', 'bounce', '- 0')),
    service('smtp', 'unix', 'smtp', `- ${concurrency}`),
    service('tlsproxy', 'unix', 'tlsproxy', '- 0'),
    service('scache', 'unix', 'scache', '- 1'),
    service('error', 'unix', 'error'),
    service('retry', 'unix', 'error'),
    service('proxymap', 'unix', 'proxymap'),
    service('anvil', 'unix', 'anvil', '- 1'),
    service('postlog', 'unix-dgram', 'postlogd', '- 1', 'n'),
  ].join('');
}

/** As the leader of a process group, which is what its master ends when it is told to. */
function start(at: (...names: string[]) => string): ChildProcess {
  const script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" -d';
  const child = spawn(
    'unshare',
    [
      '--mount',
      'sh',
      '-c',
      script,
      'sh',
      at('resolv.conf'),
      realpathSync('/etc/resolv.conf'),
      master,
      at('etc'),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], detached: true },
  );
  process.once('exit', () => child.kill('SIGTERM'));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** Tries until it greets. @throws Error with its log where it does not */
async function answering(port: number, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      await tell(port, 'NOOP');
      return;
    } catch {
      if (child.exitCode !== null || performance.now() > deadline) {
        const log = await readFile(logFile, 'utf8').catch(() => '');
        throw new Error(`Postfix does not answer on port ${port}:\n${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
