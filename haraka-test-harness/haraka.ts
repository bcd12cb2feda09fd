/** A real Haraka in a child process: an install directory of its own, the built package in it, its log in a file. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { chmod, chown, copyFile, cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { harakaDirectory as defaultHaraka } from './haraka_directory';
import { iniText, timeoutsText } from './ini';
import type { Reports } from './reports';

export interface HarakaOptions {
  /** Directory of the Haraka to run; the one of `harakaDirectory` where absent. */
  readonly haraka?: string;
  /** The node to run it with; this one where absent. */
  readonly node?: string;
  /** 0, the default, is one process; otherwise a master and so many workers. `unset` leaves that to Haraka. */
  readonly workers?: number | 'unset';
  /** `user` of smtp.ini, with its own group: Haraka starts as root, and its queue is this user's. Needs root. */
  readonly user?: string;
  /** The lines of config/plugins; the suite and nothing else where absent. */
  readonly plugins?: readonly string[];
  /** Plugins written for one test, by name; list them in `plugins` as well. The source is CommonJS. */
  readonly ownPlugins?: Readonly<Record<string, string>>;
  /** Another build of the suite than dist/, for tests of what happens when a part of it fails. */
  readonly bundle?: string;
  /** Further files below config/, over the lab's own. tls-peers.ini has short `[timeouts]` where it says nothing of them. */
  readonly config?: Readonly<Record<string, string>>;
  /** Further keys of `[resolver]` in tls-peers.ini, where the lab itself writes `servers`. */
  readonly resolver?: Readonly<Record<string, string>>;
  /** As in outbound.ini, never below 5 s; `5m*12` where absent, so that a deferral stays one. */
  readonly retryIntervals?: string;
  /** Further keys of outbound.ini, such as `connect_timeout` (10 s where absent). */
  readonly outbound?: Readonly<Record<string, string>>;
  /** Haraka's log level; `info` where absent. */
  readonly logLevel?: 'protocol' | 'debug' | 'info' | 'notice' | 'warn' | 'error';
  /** Whether bounces are sent as messages, or only reported. Default: reported. */
  readonly dsn?: 'discard' | 'send';
  /** `untold`: nobody asks what became of each message, and Haraka is spared the telling. Default: `told`. */
  readonly outcomes?: 'told' | 'untold';
  /** `unread`: the log goes straight into its file, and `logLines` stays empty. Default: `read`. */
  readonly log?: 'read' | 'unread';
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What the child needs to find its way around the lab. */
export interface HarakaSurroundings {
  /** An empty directory, which becomes the install directory. */
  readonly directory: string;
  readonly routesFile: string;
  readonly caFile: string;
  readonly dnsAddress: string;
  readonly reports: Reports;
}

export interface HarakaProcess {
  readonly directory: string;
  readonly logFile: string;
  /** Environment variables that lead another process into the same network: a command of the suite, for one. */
  readonly network: Readonly<Record<string, string>>;
  /** Where it takes SMTP. Changes with a restart. */
  readonly port: number;
  readonly pid: number;
  /** Every line that it logged so far, over restarts. */
  readonly logLines: readonly string[];
  /** Resolves with the first line, logged before or after this call, that matches. */
  waitForLog(pattern: RegExp, options?: { timeoutMs?: number; from?: number }): Promise<string>;
  /** Writes a file below config/; Haraka notices by itself. */
  writeConfig(file: string, text: string): Promise<void>;
  /** Ends the process and starts another in the same directory, queue included. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves with how the process ended, when it ends unasked. */
  readonly ended: Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const root = path.resolve(import.meta.dirname, '..');
const startTimeoutMs = 20_000;

export async function startHaraka(
  options: HarakaOptions,
  surroundings: HarakaSurroundings,
): Promise<HarakaProcess> {
  const { directory, reports } = surroundings;
  let harakaDirectory = options.haraka ?? defaultHaraka();
  await install(options, surroundings, harakaDirectory);
  if (options.user !== undefined) {
    await giveQueue(directory, options.user);
    harakaDirectory = await withinReach(harakaDirectory, path.dirname(directory));
  }

  const log = await openLog(path.join(directory, 'haraka.log'));
  const output = options.log === 'unread' ? log.descriptor : 'pipe';
  let child: ChildProcess;
  let port = 0;
  let reportEnd: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    reportEnd = resolve;
  });
  const killWithUs = (): void => void child.kill('SIGKILL');

  async function start(): Promise<void> {
    reports.reset();
    child = spawn(
      options.node ?? process.execPath,
      [path.join(harakaDirectory, 'bin/haraka'), '-c', directory],
      { cwd: directory, env: environment(options, surroundings), stdio: ['ignore', output, output] },
    );
    log.follow(child);
    const stopped = new AbortController();
    const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
      stopped.abort();
      reportEnd(signal ?? `exit code ${code ?? 'unknown'}`);
    };
    child.once('exit', onExit);
    const limit = AbortSignal.any([stopped.signal, AbortSignal.timeout(startTimeoutMs)]);
    try {
      port = await reports.ready(options.workers === 'unset' ? 1 : Math.max(1, options.workers ?? 0), limit);
    } catch (error) {
      child.kill('SIGKILL');
      const last = log.lines.slice(-30).join('\n');
      throw new Error(`Haraka did not start; its last words:\n${last}`, { cause: error });
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.removeAllListeners('exit');
    const exit = once(child, 'exit');
    child.kill(signal);
    const last = setTimeout(() => child.kill('SIGKILL'), 5000);
    await exit;
    clearTimeout(last);
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    await end(signal);
    process.removeListener('exit', killWithUs);
    await log.close();
  }
  let ending: Promise<void> | undefined;

  // Before the lab removes the files that the child writes to.
  process.prependOnceListener('exit', killWithUs);
  try {
    await start();
  } catch (error) {
    process.removeListener('exit', killWithUs);
    await log.close();
    throw error;
  }

  return {
    directory,
    logFile: path.join(directory, 'haraka.log'),
    network: networkOf(surroundings),
    get port() {
      return port;
    },
    get pid() {
      return child.pid ?? 0;
    },
    logLines: log.lines,
    waitForLog: log.waitFor,
    ended,
    writeConfig: (file, text) => writeBelow(path.join(directory, 'config'), file, text),
    restart: async (signal = 'SIGTERM') => {
      await end(signal);
      await start();
    },
    stop: (signal = 'SIGTERM') => (ending ??= stop(signal)),
  };
}

/** What `haraka -i` and `npm install` would leave behind, without a registry and without waiting for one. */
async function install(
  options: HarakaOptions,
  { directory, dnsAddress }: HarakaSurroundings,
  harakaDirectory: string,
): Promise<void> {
  const config = path.join(directory, 'config');
  await Promise.all(
    ['config', 'queue', 'plugins', 'node_modules'].map((name) => mkdir(path.join(directory, name))),
  );
  // Not every version ships each of them.
  const shipped = new Set(await readdir(path.join(harakaDirectory, 'config')));
  await Promise.all(
    ['connection.ini', 'outbound.bounce_message']
      .filter((file) => shipped.has(file))
      .map((file) => copyFile(path.join(harakaDirectory, 'config', file), path.join(config, file))),
  );
  const written = options.config?.['tls-peers.ini'] ?? '';
  const timed = written.includes('[timeouts]') ? written : written + timeoutsText(10);
  const own = timed.includes('[delivery]') ? timed : timed + reuseText();
  const files = {
    'smtp.ini': smtpIni(options),
    'outbound.ini': iniText({
      '': {
        // Every host of the lab is on loopback.
        local_mx_ok: 'true',
        temp_fail_intervals: options.retryIntervals ?? '5m*12',
        connect_timeout: '10',
        ...options.outbound,
      },
    }),
    plugins: `${[...(options.plugins ?? ['tls-peers']), 'lab_report'].join('\n')}\n`,
    me: 'mail.lab.example\n',
    host_list: 'mail.lab.example\n',
    loglevel: `${options.logLevel ?? 'info'}\n`,
    'log.ini': '[main]\ntimestamps=true\n',
    // Haraka's own look-ups try once and wait for 25 s: too brittle where one packet may be lost.
    'net-utils.ini': iniText({ dns: { timeout: '2000', tries: '3' } }),
    ...options.config,
    // The lab's resolver comes with whatever else the file says.
    'tls-peers.ini': iniText({ resolver: { servers: dnsAddress, ...options.resolver } }) + own,
  };
  await Promise.all([
    ...Object.entries(files).map(([file, text]) => writeBelow(config, file, text)),
    cp(path.join(import.meta.dirname, 'lab_report'), path.join(directory, 'plugins/lab_report'), {
      recursive: true,
    }),
    ...Object.entries(options.ownPlugins ?? {}).map(([name, source]) =>
      installOwnPlugin(path.join(directory, 'plugins', name), name, source),
    ),
    installSuite(
      path.join(directory, 'node_modules/haraka-plugin-tls-peers'),
      options.bundle ?? process.env['LAB_BUNDLE'],
    ),
  ]);
}

/** With LAB_REUSE=off every message has a session of its own, in whatever is run. */
function reuseText(): string {
  return process.env['LAB_REUSE'] === 'off' ? iniText({ delivery: { reuse_connections: 'false' } }) : '';
}

function smtpIni({ workers = 0, user }: HarakaOptions): string {
  const nodes = workers === 'unset' ? '' : `nodes=${workers}\n`;
  return `listen=127.0.0.1:0\n${nodes}${user === undefined ? '' : `user=${user}\ngroup=${groupOf(user)}\n`}`;
}

function groupOf(user: string): string {
  return execFileSync('id', ['-gn', user], { encoding: 'utf8' }).trim();
}

/** What `haraka -i` leaves to whoever sets `user`: the queue is his. */
async function giveQueue(directory: string, user: string): Promise<void> {
  const [uid, gid] = ['-u', '-g'].map((which) => Number(execFileSync('id', [which, user])));
  await chown(path.join(directory, 'queue'), uid ?? 0, gid ?? 0);
  await chmod(path.dirname(directory), 0o755);
}

/**
 * Haraka loads some of its modules when it is no longer root. Where they stand below a directory that others may not enter, as
 * `mktemp -d` makes it, links to them stand in the lab.
 */
async function withinReach(harakaDirectory: string, lab: string): Promise<string> {
  const isClosed = async (directory: string): Promise<boolean> =>
    ((await stat(directory)).mode & 0o001) === 0 ||
    (directory !== path.dirname(directory) && (await isClosed(path.dirname(directory))));
  const modules = path.dirname(harakaDirectory);
  if (!(await isClosed(modules))) return harakaDirectory;
  const copy = path.join(lab, 'node_modules');
  try {
    execFileSync('cp', ['-al', modules, copy], { stdio: 'ignore' });
  } catch {
    // On another file system there are no links.
    await rm(copy, { recursive: true, force: true });
    execFileSync('cp', ['-a', modules, copy]);
  }
  return path.join(copy, path.basename(harakaDirectory));
}

async function installOwnPlugin(folder: string, name: string, source: string): Promise<void> {
  const about = { name: `haraka-plugin-${name}`, private: true, type: 'commonjs', main: 'index.js' };
  await writeBelow(folder, 'package.json', JSON.stringify(about));
  await writeBelow(folder, 'index.js', source);
}

/** Copies what the package ships: the `files` of package.json, and package.json itself. */
async function installSuite(target: string, bundle: string | undefined): Promise<void> {
  const { files } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    files: readonly string[];
  };
  const there = new Set(await readdir(root));
  await mkdir(target, { recursive: true });
  await Promise.all(
    [...files, 'package.json']
      .filter((file) => there.has(file))
      .map((file) => cp(path.join(root, file), path.join(target, file), { recursive: true })),
  );
  if (bundle !== undefined) await copyFile(bundle, path.join(target, 'dist/tls-peers.cjs'));
}

async function writeBelow(directory: string, file: string, text: string): Promise<void> {
  const target = path.join(directory, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, text);
}

function environment(options: HarakaOptions, surroundings: HarakaSurroundings): NodeJS.ProcessEnv {
  const { reports } = surroundings;
  // NODE_ENV=test and HARAKA_TEST_DIR change how Haraka behaves; VITEST and the like are nobody's business there.
  const kept = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH'];
  return {
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    ...networkOf(surroundings),
    ...coverage(),
    TLS_PEERS_LAB_REPORT: JSON.stringify({
      port: reports.port,
      dsn: options.dsn ?? 'discard',
      outcomes: options.outcomes ?? 'told',
    }),
    ...options.env,
  };
}

/** What leads a process into the lab's network, and no further. */
function networkOf({ routesFile, caFile, dnsAddress }: HarakaSurroundings): Record<string, string> {
  return {
    NODE_OPTIONS: `--require ${JSON.stringify(path.join(import.meta.dirname, 'shim.cjs'))}`,
    NODE_EXTRA_CA_CERTS: caFile,
    TLS_PEERS_LAB: JSON.stringify({ routes: routesFile, dns: dnsAddress }),
  };
}

/** Set by `npm run coverage`: where the child writes what it executed. */
function coverage(): NodeJS.ProcessEnv {
  const directory = process.env['LAB_COVERAGE'];
  return directory === undefined ? {} : { NODE_V8_COVERAGE: directory };
}

interface Log {
  readonly lines: readonly string[];
  /** Of the file. */
  readonly descriptor: number;
  follow(child: ChildProcess): void;
  waitFor: HarakaProcess['waitForLog'];
  close(): Promise<void>;
}

async function openLog(file: string): Promise<Log> {
  const lines: string[] = [];
  const arrivals = new EventEmitter();
  arrivals.setMaxListeners(0);
  const stream: WriteStream = createWriteStream(file, { flags: 'a' });
  const [descriptor] = (await once(stream, 'open')) as [number];
  return {
    lines,
    descriptor,
    follow: (child) => {
      for (const output of [child.stdout, child.stderr]) {
        if (output === null) continue;
        createInterface({ input: output, crlfDelay: Infinity }).on('line', (line) => {
          lines.push(line);
          if (!stream.writableEnded) stream.write(`${line}\n`);
          arrivals.emit('line');
        });
      }
    },
    waitFor: async (pattern, { timeoutMs = 10_000, from = 0 } = {}) => {
      const signal = AbortSignal.timeout(timeoutMs);
      for (let read = from; ;) {
        for (; read < lines.length; read++) {
          const line = lines[read] ?? '';
          if (pattern.test(line)) return line;
        }
        await once(arrivals, 'line', { signal }).catch(() => {
          throw new Error(`Haraka logged nothing like ${String(pattern)} in ${timeoutMs} ms`);
        });
      }
    },
    close: async () => {
      stream.end();
      await once(stream, 'close');
    },
  };
}
