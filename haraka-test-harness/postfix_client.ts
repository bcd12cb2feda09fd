/**
 * Debian's Postfix as a client, with a configuration, a queue and a log of its own.
 *
 * Its resolver is the C library's, which knows no port but 53 and no file but /etc/resolv.conf: Postfix gets a view of the file
 * system of its own in which another file is in that place.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const master = '/usr/lib/postfix/sbin/master';

/** What keeps it from running here; empty where nothing does. */
export function postfixClientMissing(): string {
  if (!existsSync(master)) return 'Postfix is not installed (apt-get install postfix)';
  if (process.getuid?.() !== 0) return 'Postfix has to be started by root';
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0)
    return 'Postfix cannot be given a resolver of its own: no mount namespaces here';
  return '';
}

export interface PostfixClientOptions {
  /** Becomes its own; what is there already stays. Its log is the file `log`. */
  readonly directory: string;
  /** Address of a resolver at port 53. */
  readonly resolver: string;
  /** Of main.cf, beside those that every client has. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where it takes mail: ports of 127.0.0.1, each with the options of its smtpd(8). */
  readonly ports: ReadonlyMap<number, string>;
  /** Processes of smtp(8); `-` for as many as by default. */
  readonly clients: string;
}

/** @returns the process of its master: it is up when its ports greet */
export async function startPostfixMaster(options: PostfixClientOptions): Promise<ChildProcess> {
  const at = (name: string): string => path.join(options.directory, name);
  for (const name of ['etc', 'queue', 'data']) await mkdir(at(name), { recursive: true });
  // Postfix's own user has to find its way.
  await chmod(options.directory, 0o755);
  await run('chown', ['postfix', at('data')]);
  await writeFile(at('resolv.conf'), `nameserver ${options.resolver}\noptions edns0 trust-ad\n`);
  await writeFile(at('etc/main.cf'), mainCf(at, options.settings));
  await writeFile(at('etc/master.cf'), masterCf(options));
  await run('postfix', ['-c', at('etc'), 'check']);
  // As the leader of a process group, which is what its master ends when it is told to.
  const script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" -d';
  const shown = realpathSync('/etc/resolv.conf');
  const child = spawn(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', at('resolv.conf'), shown, master, at('etc')],
    { stdio: ['ignore', 'ignore', 'inherit'], detached: true },
  );
  process.once('exit', () => child.kill('SIGTERM'));
  return child;
}

function mainCf(at: (name: string) => string, more: PostfixClientOptions['settings']): string {
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
    ...more,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/** Services as Debian has them, without chroot. */
function masterCf({ ports, clients }: PostfixClientOptions): string {
  const service = (name: string, type: string, command: string, limits = '- -', isPrivate = '-'): string =>
    `${name} ${type} ${isPrivate} - n ${limits} ${command}\n`;
  return [
    ...[...ports].map(([port, more]) =>
      service(`127.0.0.1:${port}`, 'inet', `smtpd ${more}`.trimEnd(), '- -', 'n'),
    ),
    service('pickup', 'unix', 'pickup', '60 1', 'n'),
    service('cleanup', 'unix', 'cleanup', '- 0', 'n'),
    service('qmgr', 'unix', 'qmgr', '300 1', 'n'),
    service('tlsmgr', 'unix', 'tlsmgr', '1000? 1'),
    service('rewrite', 'unix', 'trivial-rewrite'),
    ...['bounce', 'defer', 'trace'].map((name) => service(name, 'unix', 'bounce', '- 0')),
    service('smtp', 'unix', 'smtp', `- ${clients}`),
    service('tlsproxy', 'unix', 'tlsproxy', '- 0'),
    service('scache', 'unix', 'scache', '- 1'),
    service('error', 'unix', 'error'),
    service('retry', 'unix', 'error'),
    service('proxymap', 'unix', 'proxymap'),
    service('anvil', 'unix', 'anvil', '- 1'),
    service('postlog', 'unix-dgram', 'postlogd', '- 1', 'n'),
  ].join('');
}
