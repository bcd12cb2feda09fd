/** NSD and unbound in the foreground, on loopback and ephemeral ports. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Question } from '../src/dns/question';
import { askUdp } from '../src/dns/udp';
import { freePort as freeTcpPort } from './program';
import type { SignedZones } from './signed_zones';

/** The programs that the scenarios need. */
const programs = ['nsd', 'unbound', 'ldns-keygen', 'ldns-signzone', 'ldns-key2ds'];

/** Which of the programs are not installed. */
export function missingPrograms(): string[] {
  return programs.filter((program) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore', env: pathWithSbin() });
      return false;
    } catch {
      return true;
    }
  });
}

/** The servers live in /usr/sbin, which a user's PATH may lack. */
function pathWithSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}

export interface RunningServer {
  readonly port: number;
  /** What it logged so far. */
  readonly log: () => string;
  stop(): Promise<void>;
}

/** A port that is free for both UDP and TCP on 127.0.0.1. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await freeTcpPort();
    const udp = createSocket('udp4');
    const free = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise<void>((resolve) => udp.close(() => resolve()));
    if (free) return port;
  }
}

export async function startNsd(directory: string, zones: SignedZones): Promise<RunningServer> {
  const port = await freePort();
  const file = path.join(directory, 'nsd.conf');
  const zoneLines = [...zones.files].map(
    ([zone, zonefile]) => `zone:\n  name: "${zone}"\n  zonefile: "${zonefile}"\n`,
  );
  writeFileSync(
    file,
    `server:
  ip-address: 127.0.0.1@${port}
  port: ${port}
  server-count: 1
  username: ""
  zonesdir: "${directory}"
  database: ""
  pidfile: "${directory}/nsd.pid"
  xfrdfile: "${directory}/xfrd.state"
  zonelistfile: "${directory}/zone.list"
  xfrdir: "${directory}"
  hide-version: yes
remote-control:
  control-enable: no
${zoneLines.join('')}`,
  );
  return started('nsd', ['-d', '-c', file], { address: '127.0.0.1', port }, { name: 'lab', type: 'SOA' });
}

export interface UnboundOptions {
  /** For the files of this one. */
  readonly name: string;
  readonly validates: boolean;
  /** Where it answers; a free port of 127.0.0.1 where absent. */
  readonly at?: { readonly address: string; readonly port: number };
  /** PEM files for DNS over TLS on a second port. */
  readonly tls?: { readonly port: number; readonly key: string; readonly cert: string };
}

export async function startUnbound(
  directory: string,
  zones: SignedZones,
  nsdPort: number,
  { name, validates, at, tls }: UnboundOptions,
): Promise<RunningServer> {
  const { address, port } = at ?? { address: '127.0.0.1', port: await freePort() };
  const file = path.join(directory, `${name}.conf`);
  const stubs = [...zones.files.keys()].map(
    (zone) => `stub-zone:\n  name: "${zone}"\n  stub-addr: 127.0.0.1@${nsdPort}\n`,
  );
  writeFileSync(
    file,
    `server:
  interface: ${address}@${port}
  port: ${port}
${tls === undefined ? '' : `  interface: 127.0.0.1@${tls.port}\n  tls-port: ${tls.port}\n  tls-service-key: "${tls.key}"\n  tls-service-pem: "${tls.cert}"\n`}
  num-threads: 1
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: "${directory}/${name}.pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  val-log-level: 2
  do-ip6: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "${validates ? 'validator iterator' : 'iterator'}"
${validates ? `  trust-anchor-file: "${zones.trustAnchor}"\n` : ''}
  ede: yes
  edns-buffer-size: 1232
  max-udp-size: 1232
  qname-minimisation: no
  target-fetch-policy: "0 0 0 0 0"
remote-control:
  control-enable: no
${stubs.join('')}`,
  );
  return started('unbound', ['-d', '-c', file], { address, port }, { name: 'lab', type: 'SOA' });
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

async function started(
  program: string,
  args: readonly string[],
  at: Endpoint,
  question: Question,
): Promise<RunningServer> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: pathWithSbin() });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    if (isRunning(child)) child.kill('SIGTERM');
    await exited;
  };
  if (!(await answers(child, at, question))) {
    await stop();
    throw new Error(`${program} does not answer:\n${log}`);
  }
  return { port: at.port, log: () => log, stop };
}

/** Whether the server answers before it exits; asked over and over, for neither says when it is ready. */
async function answers(child: ChildProcess, at: Endpoint, question: Question): Promise<boolean> {
  for (let tries = 0; tries < 100 && isRunning(child); tries++) {
    const pace = AbortSignal.timeout(150);
    const outcome = await askUdp(at, question, {
      signal: pace,
      onForeign: () => undefined,
    });
    if (outcome.kind === 'answer' && outcome.message.rcode === 0) return true;
    // Refused at once where nothing listens yet: the rest of the time is waited for.
    if (!pace.aborted) await once(pace, 'abort');
  }
  return false;
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
}
