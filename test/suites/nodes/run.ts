/**
 * `npm run test:nodes`: the same peers on every Node. What OpenSSL or Node would decide by default is not the same in each;
 * what becomes of a message must be.
 *
 * Installs the Nodes from the npm registry the first time. Exit code 0 only if every cell of the table is as expected on
 * every Node, also in an environment that changes the defaults, every hello has room in one segment, and mail comes through
 * where a middlebox drops long ones. `--only peers` or `--only hello` runs one part.
 */
import { build } from 'esbuild';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { installedNode } from '../versions/installs';
import { makeCertificates } from './certificates';
import type { PeerSpec } from './peers';
import { columns, host } from './columns';
import { deliveryFaults } from './deliveries';
import type { HelloAssignment, HelloFindings } from './middlebox';
import { rows, underAllCiphers, type PeerRow } from './table';
import type { Assignment, Findings, Visit } from './visitor';

/** The oldest that is supported, the last with OpenSSL 3.0, and the newest of each. */
const versions = ['20', '22.12', '22', '24'] as const;

/** Octets of TCP data that the narrowest IPv6 path carries in one packet: 1,280 (RFC 8200 section 5) without headers. */
const segment = 1_220;

/** What their OpenSSL and they themselves know of groups. */
const groupsOf = {
  '20': { mlKem: 'unknown', groups: 'all' },
  '22.12': { mlKem: 'unknown', groups: 'all' },
  '22': { mlKem: 'known', groups: 'curves' },
  '24': { mlKem: 'known', groups: 'all' },
} as const satisfies Record<(typeof versions)[number], Omit<HelloAssignment, 'node'>>;

const programs = ['peers', 'visitor'] as const;

async function main(): Promise<void> {
  const { only } = parseArgs({ options: { only: { type: 'string', default: 'everything' } } }).values;
  const faults = [
    ...(only === 'hello' ? [] : await peerFaults()),
    ...(only === 'peers' ? [] : await helloFaults()),
  ];
  for (const fault of faults) process.stdout.write(`NOT AS EXPECTED: ${fault}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/** Long hellos are dropped on their way. */
async function helloFaults(): Promise<string[]> {
  const faults: string[] = [];
  for (const version of versions) {
    const node = await installedNode(version);
    const program = path.join(import.meta.dirname, 'middlebox.ts');
    const hosts = await start(await installedNode('24'), program, {}, ['--no-warnings', '--import', 'tsx']);
    const found = await answer<HelloFindings>(hosts, {
      node,
      ...groupsOf[version],
    } satisfies HelloAssignment);
    await hosts.ended;
    process.stdout.write(`Node ${version}, long hellos dropped: ${found.faults.length} not as expected\n`);
    for (const figure of found.figures) process.stdout.write(`  ${figure}\n`);
    faults.push(...found.faults.map((fault) => `Node ${version}, ${fault}`));
  }
  return faults;
}

/** @returns what was not as expected, one line each */
async function peerFaults(): Promise<string[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-nodes-'));
  try {
    await build({
      entryPoints: programs.map((name) => path.join(import.meta.dirname, `${name}.ts`)),
      outdir: directory,
      outExtension: { '.js': '.cjs' },
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      logLevel: 'warning',
    });
    return await compare(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compare(directory: string): Promise<string[]> {
  const certificates = await makeCertificates([host]);
  const peers = await start(await installedNode('24'), path.join(directory, 'peers.cjs'), {});
  try {
    const specs = rows.map(({ certificate, tls }): PeerSpec => ({
      ...ordinary,
      ...tls,
      ciphers: `${tls.ciphers ?? 'DEFAULT'}:@SECLEVEL=0`,
      chainPem: certificates[certificate].chainPem,
      keyPem: certificates[certificate].keyPem,
    }));
    const ports = await answer<number[]>(peers, specs);
    const visits = rows.map(({ certificate }, index): Visit => ({
      port: ports[index]!,
      shown: certificates[certificate],
    }));
    return await visitAll(directory, visits);
  } finally {
    peers.child.disconnect();
    await peers.ended;
  }
}

const ordinary = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1.3',
  groups: 'X25519:P-256:P-384:P-521:ffdhe2048',
  sigalgs: '',
  dhParameters: '',
} as const;

async function visitAll(directory: string, visits: readonly Visit[]): Promise<string[]> {
  const changed = await changedDefaults(directory);
  const faults: string[] = [];
  const seen: Findings[] = [];
  for (const version of versions) {
    const node = await installedNode(version);
    const found = async (environment: Record<string, string>, ciphers: string): Promise<Findings> => {
      const visitor = await start(node, path.join(directory, 'visitor.cjs'), environment);
      const findings = await answer<Findings>(visitor, { visits, ciphers } satisfies Assignment);
      await visitor.ended;
      return findings;
    };
    const plain = await found({}, '');
    seen.push(plain);
    faults.push(
      ...differences(plain, rows, 'plain'),
      ...longHellos(plain),
      ...differences(await found(changed, ''), rows, 'with other defaults'),
      ...differences(
        await found({}, 'ALL:eNULL:TLS_SHA256_SHA256@SECLEVEL=0'),
        allCiphers,
        'with all ciphers in tls.ini',
      ),
    );
    const { faults: wrong, sent } = await deliveryFaults(node);
    process.stdout.write(
      `Node ${plain.node}: ${sent} messages through Haraka, ${wrong.length} not as expected\n`,
    );
    faults.push(...wrong.map((fault) => `Node ${plain.node}, ${fault}`));
  }
  print(seen);
  return faults;
}

const allCiphers: readonly PeerRow[] = rows.map((row) => ({
  ...row,
  expected: { ...row.expected, ...underAllCiphers[row.name] },
}));

function differences(found: Findings, expected: readonly PeerRow[], how: string): string[] {
  return expected.flatMap((row, index) =>
    columns.flatMap((column) => {
      const [is, should] = [found.outcomes[index]?.[column], row.expected[column]];
      return is === should
        ? []
        : [`Node ${found.node}, ${how}: ${row.name}, ${column}: ${String(is)}, expected ${should}`];
    }),
  );
}

function longHellos({ node, hellos }: Findings): string[] {
  return Object.entries(hellos)
    .filter(([, octets]) => octets > segment)
    .map(([of, octets]) => `Node ${node}: a hello of ${octets} octets (${of})`);
}

/** Everything by which an operator, or a distribution, changes what Node and OpenSSL do where nothing is said. */
async function changedDefaults(directory: string): Promise<Record<string, string>> {
  const file = path.join(directory, 'openssl.cnf');
  const lines = [
    'nodejs_conf = init',
    '[init]',
    'ssl_conf = ssl',
    '[ssl]',
    'system_default = system',
    '[system]',
  ];
  lines.push('MinProtocol = TLSv1.3', 'CipherString = DEFAULT@SECLEVEL=3', 'Groups = P-256');
  await writeFile(file, `${lines.join('\n')}\n`);
  return {
    OPENSSL_CONF: file,
    NODE_OPTIONS: '--tls-max-v1.2 --tls-cipher-list=AES256-SHA',
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
  };
}

function print(seen: readonly Findings[]): void {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  for (const { node, openssl } of seen) write(`Node ${node} with OpenSSL ${openssl}`);
  for (const [index, { name }] of rows.entries()) {
    write(`\n${name}`);
    for (const column of columns) {
      const cells = seen.map(({ outcomes }) => outcomes[index]?.[column] ?? '');
      write(`  ${column.padEnd(18)} ${new Set(cells).size === 1 ? cells[0] : cells.join(' | ')}`);
    }
    write(`  ${'group'.padEnd(18)} ${seen.map(({ groups }) => groups[index] || '-').join(' | ')}`);
  }
  write('\noctets of the hello, for a host name of 253');
  for (const of of Object.keys(seen[0]?.hellos ?? {})) {
    write(`  ${of.padEnd(28)} ${seen.map(({ hellos }) => hellos[of]).join(' | ')}`);
  }
}

interface Program {
  readonly child: ChildProcess;
  /** What it wrote to stderr. */
  readonly complaints: Promise<string>;
  readonly ended: Promise<unknown>;
}

async function start(
  node: string,
  file: string,
  environment: Record<string, string>,
  execArgv: string[] = [],
): Promise<Program> {
  const own = Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS');
  const child = fork(file, {
    execPath: node,
    execArgv,
    env: { ...Object.fromEntries(own), ...environment },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  const complaints = child.stderr === null ? Promise.resolve('') : text(child.stderr);
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  return { child, complaints, ended };
}

/** @throws Error where it ends without an answer */
async function answer<T>({ child, complaints, ended }: Program, question: object): Promise<T> {
  child.send(question);
  const dead = async (): Promise<never> => {
    await ended;
    throw new Error(`a program ended without an answer: ${await complaints}`);
  };
  const [reply] = (await Promise.race([once(child, 'message'), dead()])) as [T];
  return reply;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
