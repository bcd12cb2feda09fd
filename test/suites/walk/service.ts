/** Haraka on the machine of the walk: started by hand as root, or as its unit says. Its log is what the operator reads. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { environment } from './machine';

export class Service {
  readonly lines: string[] = [];
  #child: ChildProcess | undefined;
  readonly #waiting = new Set<() => void>();

  /** @param line such as `haraka -c /srv/haraka` */
  start(line: string): void {
    const child = spawn('sh', ['-ec', `exec ${line}`], {
      cwd: '/',
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // The workers end with it: see stop.
      detached: true,
    });
    this.#child = child;
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on('line', (text) => {
        this.lines.push(text);
        for (const look of this.#waiting) look();
      });
    }
  }

  /** As systemd ends a service: SIGTERM to all of its processes, and SIGKILL to those that are left. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const { pid } = child;
    this.#child = undefined;
    const over = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
    kill(-pid, 'SIGTERM');
    const last = setTimeout(() => kill(-pid, 'SIGKILL'), 5000);
    await over;
    clearTimeout(last);
    kill(-pid, 'SIGKILL');
  }

  /** Where the log is now; lines before it are not looked at again. */
  get mark(): number {
    return this.lines.length;
  }

  /** Resolves with the first `count` lines from `from` on that match. @throws Error with the log where time is up */
  async waitFor(pattern: RegExp, { from, count = 1 }: { from: number; count?: number }): Promise<string[]> {
    const found = (): string[] => this.lines.slice(from).filter((line) => pattern.test(line));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const log = this.lines.slice(from).slice(-40).join('\n');
        reject(new Error(`${found().length} of ${count} lines like ${String(pattern)} in the log:\n${log}`));
      }, 30_000);
      const look = (): void => {
        const lines = found();
        if (lines.length < count) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(lines.slice(0, count));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The users of its processes: the master's first, then those of its workers. */
  users(): number[] {
    const master = this.#child?.pid ?? 0;
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => statusOf(Number(name)));
    const workers = processes.filter(({ parent }) => parent === master);
    return [...processes.filter(({ pid }) => pid === master), ...workers].map(({ uid }) => uid);
  }
}

function statusOf(pid: number): { pid: number; parent: number; uid: number }[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    return [{ pid, parent: number('PPid'), uid: number('Uid') }];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // There is none any more.
  }
}

/**
 * What systemd does for the keys of the unit on docs/production.md: the user and its capabilities, and a file system in which nothing
 * can be written but what `ReadWritePaths` names.
 *
 * @throws Error for a key that is not known here: it would be promised and not looked at
 */
export function asUnit(unit: string): string {
  const keys = serviceKeys(unit);
  const paths = keys('ReadWritePaths').split(' ');
  const capabilities = `-all,+${keys('AmbientCapabilities').replace('CAP_', '').toLowerCase()}`;
  const mounts = [
    'mkdir -p /mnt/rw',
    'mount --bind /srv /mnt/rw',
    'mount --bind /srv /srv',
    'mount -o remount,bind,ro /srv',
    ...paths.map((one) => `mount --bind ${one.replace('/srv', '/mnt/rw')} ${one}`),
    'mount -o remount,ro /etc',
  ];
  const start = [
    `setpriv --reuid ${keys('User')} --regid ${keys('Group')} --clear-groups --no-new-privs`,
    `--inh-caps ${capabilities} --ambient-caps ${capabilities} --bounding-set ${capabilities}`,
    keys('ExecStart'),
  ].join(' ');
  return `unshare --mount sh -ec '${[...mounts, `exec ${start}`].join('; ')}'`;
}

const looked = [
  'ExecStart',
  'User',
  'Group',
  'AmbientCapabilities',
  'CapabilityBoundingSet',
  'ReadWritePaths',
];
/** What makes no difference here, or is what is done in any case. */
const passed = ['NoNewPrivileges', 'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'Restart', 'RestartSec'];

function serviceKeys(unit: string): (name: string) => string {
  const [, text = ''] = /^\[Service\]\n(.*?)(?=^\[|$(?![^]))/ms.exec(unit) ?? [];
  const keys = new Map(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const unknown = [...keys.keys()].filter((name) => ![...looked, ...passed].includes(name));
  if (unknown.length > 0)
    throw new Error(`the walk does not know what systemd does for ${unknown.join(', ')}`);
  return (name) => {
    const value = keys.get(name);
    if (value === undefined) throw new Error(`the unit says nothing of ${name}`);
    return value;
  };
}
