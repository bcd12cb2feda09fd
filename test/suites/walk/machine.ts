/**
 * The machine of the walk: this one, in namespaces of its own for the network and for mounts. What the walk writes to /etc, /usr/local
 * and /srv is gone with it, nothing leaves it, and the rest of this machine sees none of it.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { harakaDirectory } from '../../../haraka-test-harness/haraka_directory';

/** Why the walk cannot be made here; empty where it can. */
export function obstacle(): string {
  if (process.platform !== 'linux') return 'it needs the namespaces of Linux';
  if (process.getuid?.() !== 0) return 'it needs root: Haraka starts as root, and drops its rights';
  const missing = ['unshare', 'ip', 'curl', 'openssl', 'useradd', 'setpriv'].filter(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  const trial =
    'mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /etc';
  const tried = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', trial], { encoding: 'utf8' });
  return tried.status === 0 ? '' : `no namespaces and overlays here: ${tried.stderr.trim()}`;
}

/** Addresses of the operator's own, as the pages have them. */
const ownAddresses = ['203.0.113.5/32', '2001:db8::5/128'];

/** Makes this process's namespaces the machine. */
export function setUp(caPem: string): void {
  const sh = (script: string): void => void execFileSync('sh', ['-ec', script]);
  sh('ip link set lo up; ip route add local 25.0.0.0/8 dev lo');
  for (const address of ownAddresses) {
    const options = address.includes(':') ? ' nodad' : '';
    sh(`ip address add ${address} dev lo${options}`);
  }
  sh('mount -t tmpfs tmpfs /mnt; mount -t tmpfs -o mode=755 tmpfs /srv');
  for (const [name, directory] of [
    ['etc', '/etc'],
    ['local', '/usr/local'],
  ] as const) {
    sh(
      `mkdir /mnt/${name} /mnt/${name}.work; ` +
        `mount -t overlay overlay -o lowerdir=${directory},upperdir=/mnt/${name},workdir=/mnt/${name}.work ${directory}`,
    );
  }
  // A machine with unbound, as the README has it: resolv.conf of this one may be a mount of its own.
  sh('umount /etc/resolv.conf 2>/dev/null || true; rm -f /etc/resolv.conf');
  writeFileSync('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  mkdirSync('/srv/home');
  writeFileSync(caFile, caPem);
  installHaraka();
}

/** As `npm install -g haraka` would: where every user may read it, whatever stands in the way of this project's directory. */
function installHaraka(): void {
  const haraka = harakaDirectory();
  const modules = '/usr/local/lib/lab/node_modules';
  mkdirSync(modules, { recursive: true });
  execFileSync('mount', ['--bind', path.dirname(haraka), modules]);
  execFileSync('ln', [
    '-sf',
    path.join(modules, path.basename(haraka), 'bin/haraka'),
    '/usr/local/bin/haraka',
  ]);
}

export const caFile = '/srv/lab-ca.pem';

/** What everything on the machine runs with. The CA of the world is one that Node is told of, as docs/mta-sts.md says. */
export const environment: NodeJS.ProcessEnv = {
  PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${path.dirname(process.execPath)}`,
  HOME: '/srv/home',
  LANG: 'C.UTF-8',
  NODE_EXTRA_CA_CERTS: caFile,
  // There is no registry on this machine, and nobody to be told of a newer npm.
  npm_config_audit: 'false',
  npm_config_update_notifier: 'false',
};

export interface Ran {
  readonly code: number;
  /** What it wrote, both streams. */
  readonly output: string;
}

/** Runs a command line in a shell, as it stands. Never in step: the peers and the resolver live in this process. */
export async function run(script: string, directory = '/srv/haraka'): Promise<Ran> {
  const child = spawn('sh', ['-ec', script], {
    cwd: directory,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output };
}
