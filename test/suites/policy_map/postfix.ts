/**
 * Debian's Postfix as a client, with a configuration, a queue and a log of its own, and a policy map.
 *
 * Its resolver is the C library's, which knows no port but 53 and no file but /etc/resolv.conf: Postfix gets a view of the file
 * system of its own in which another file is in that place.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { submit } from '../../../haraka-test-harness/smtp_client';
import { answering, end, freePort, textOf } from '../wire/real/program';

const master = '/usr/lib/postfix/sbin/master';

/** What keeps it from running here; empty where nothing does. */
export function postfixMissing(): string {
  if (!existsSync(master)) return 'Postfix is not installed (apt-get install postfix)';
  if (process.getuid?.() !== 0) return 'Postfix has to be started by root';
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0)
    return 'Postfix cannot be given a resolver of its own: no mount namespaces here';
  return '';
}

export interface PostfixOptions {
  /** Becomes its own; nobody else's files are in it. */
  readonly directory: string;
  /** Address of a resolver at port 53. */
  readonly resolver: string;
  readonly caFile: string;
  /** Text of the table of smtp_tls_policy_maps. */
  readonly map: string;
}

export interface PostfixClient {
  /** Hands a message over, and resolves once it is sent, returned, or was kept back twice. */
  deliver(from: string, to: string): Promise<'sent' | 'kept' | 'bounced'>;
  readonly log: () => string;
  stop(): Promise<void>;
}

export async function startPostfixClient(options: PostfixOptions): Promise<PostfixClient> {
  const at = (...names: string[]): string => path.join(options.directory, ...names);
  const port = await freePort();
  for (const name of ['etc', 'queue', 'data']) await mkdir(at(name), { recursive: true });
  await chmod(options.directory, 0o755);
  execFileSync('chown', ['postfix', at('data')]);
  await writeFile(at('resolv.conf'), `nameserver ${options.resolver}\noptions edns0 trust-ad\n`);
  await writeFile(at('etc/tls_policy'), options.map);
  execFileSync('postmap', [`hash:${at('etc/tls_policy')}`]);
  await writeFile(at('etc/main.cf'), mainCf(at, options.caFile));
  await writeFile(at('etc/master.cf'), masterCf(port));
  execFileSync('postfix', ['-c', at('etc'), 'check'], { stdio: 'ignore' });
  const child = startMaster(at);
  const log = (): string => textOf(at('log'));
  try {
    await answering(port, at('log'));
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    deliver: async (from, to) => {
      const data = `From: <${from}>\r\nTo: <${to}>\r\nSubject: policy\r\n\r\nhello\r\n`;
      await submit({ port, from, to: [to], data, timeoutMs: 15_000 });
      return settled(log, to);
    },
    log,
    stop: () => end(child),
  };
}

/** The entries of the table as Postfix reads it: keys, and values with single blanks. */
export function entriesAsPostfixReads(file: string): string[] {
  execFileSync('postmap', [`hash:${file}`]);
  const listed = execFileSync('postmap', ['-s', `hash:${file}`], { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/[\s,]+/g, ' ').trim())
    .sort();
}

const keptTimes = 2;
const patienceMs = 60_000;

async function settled(log: () => string, to: string): Promise<'sent' | 'kept' | 'bounced'> {
  const line = new RegExp(`to=<${to.replaceAll('.', '\\.')}>.* status=(sent|deferred|bounced)`, 'gi');
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const statuses = [...log().matchAll(line)].map(([, status = '']) => status.toLowerCase());
    if (statuses.includes('sent')) return 'sent';
    if (statuses.includes('bounced')) return 'bounced';
    if (statuses.length >= keptTimes) return 'kept';
    if (Date.now() > deadline) throw new Error(`nothing became of mail to ${to}:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function mainCf(at: (...names: string[]) => string, caFile: string): string {
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
    smtp_tls_security_level: 'may',
    smtp_tls_policy_maps: `hash:${at('etc/tls_policy')}`,
    smtp_tls_CAfile: caFile,
    smtp_tls_loglevel: '1',
    // It goes on without TLS only once a message has waited so long.
    minimal_backoff_time: '1s',
    maximal_backoff_time: '2s',
    queue_run_delay: '1s',
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/** Services as Debian has them, without chroot. */
function masterCf(port: number): string {
  const service = (name: string, type: string, command: string, limits = '- -', isPrivate = '-'): string =>
    `${name} ${type} ${isPrivate} - n ${limits} ${command}\n`;
  return [
    service(`127.0.0.1:${port}`, 'inet', 'smtpd', '- -', 'n'),
    service('pickup', 'unix', 'pickup', '60 1', 'n'),
    service('cleanup', 'unix', 'cleanup', '- 0', 'n'),
    service('qmgr', 'unix', 'qmgr', '300 1', 'n'),
    service('tlsmgr', 'unix', 'tlsmgr', '1000? 1'),
    service('rewrite', 'unix', 'trivial-rewrite'),
    ...['bounce', 'defer', 'trace'].map((name) => service(name, 'unix', 'bounce', '- 0')),
    service('smtp', 'unix', 'smtp'),
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
function startMaster(at: (...names: string[]) => string): ChildProcess {
  const script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" -d';
  const file = realpathSync('/etc/resolv.conf');
  const child = spawn(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', at('resolv.conf'), file, master, at('etc')],
    { stdio: ['ignore', 'ignore', 'inherit'], detached: true },
  );
  process.once('exit', () => child.kill('SIGTERM'));
  return child;
}
