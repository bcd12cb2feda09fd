/** The command against the lab in which a real Haraka delivers: what it says beforehand is what then happens. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import {
  scenarioConfig,
  scenarioWorld,
  scenarios,
  senderAddress,
  type Sender,
} from '../../haraka-test-harness/scenarios';

const root = path.resolve(import.meta.dirname, '../..');

interface Report {
  readonly domain: string;
  readonly rule: string;
  readonly goes: boolean;
  readonly attempts: readonly {
    readonly verdict: { kind: string; tlsVersion?: string; verified?: string };
  }[];
}

let lab: Lab;
const reports = new Map<string, Report>();

/** The built command as a child process that sees the lab's network, as the lab's Haraka does. */
function call(args: readonly string[]): Promise<{ code: number; out: string }> {
  const env = {
    PATH: process.env['PATH'],
    NODE_OPTIONS: `--require ${JSON.stringify(path.join(root, 'haraka-test-harness/shim.cjs'))}`,
    NODE_EXTRA_CA_CERTS: lab.caFile,
    TLS_PEERS_LAB: JSON.stringify({
      routes: path.join(path.dirname(lab.caFile), 'routes.json'),
      dns: lab.dns.address,
    }),
  };
  const command = [path.join(root, 'dist/cli.cjs'), ...args, '-c', lab.haraka.directory];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env, maxBuffer: 1e8 }, (error, out) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out });
    });
  });
}

beforeAll(async () => {
  lab = await startLab(scenarioWorld, {
    config: scenarioConfig(),
    resolver: { timeout: '1', deadline: '3' },
  });
  for (const sender of ['managed', 'unmanaged', 'null'] as const satisfies Sender[]) {
    const peers = scenarios.filter((one) => one.sender === sender).map(({ peer }) => peer);
    const { out } = await call(['test', '--json', '--from', `<${senderAddress(sender)}>`, ...peers]);
    for (const report of JSON.parse(out) as Report[]) reports.set(report.domain, report);
  }
}, 90_000);

afterAll(() => lab.stop());

describe('what `test` says is what Haraka does', () => {
  test.each(scenarios.map(({ peer, expected }) => ({ peer, expected })))(
    'for $peer',
    ({ peer, expected }) => {
      const report = reports.get(peer);
      const first = report?.attempts.find(({ verdict }) => verdict.kind === 'goes')?.verdict;
      const version = first === undefined ? '' : first.tlsVersion === '' ? 'none' : first.tlsVersion;
      expect({ goes: report?.goes, version, verified: first?.verified ?? '' }).toEqual({
        goes: expected.outcome === 'delivered',
        version: expected.tlsVersion,
        verified: expected.verified,
      });
      expect(report?.rule.split(': ')[0]).toBe(expected.rule);
    },
  );
});

test('one domain that would not be reached gives exit code 1, all that would give 0', async () => {
  const going = scenarios.filter(
    ({ sender, expected }) => sender === 'managed' && expected.outcome === 'delivered',
  )[0]!;
  const failing = scenarios.filter(
    ({ sender, expected }) => sender === 'managed' && expected.outcome !== 'delivered',
  )[0]!;
  const from = ['--from', senderAddress('managed')];
  expect((await call(['test', ...from, going.peer])).code).toBe(0);
  expect((await call(['test', ...from, going.peer, failing.peer])).code).toBe(1);
});

test('`explain` names the rule, the hosts and the requirement', async () => {
  const dane = scenarios.find(({ expected }) => expected.verified.startsWith('dane'))!;
  const { code, out } = await call(['explain', senderAddress(dane.sender), dane.peer]);
  expect(code).toBe(0);
  expect(out).toContain(`rule         ${dane.expected.rule}\n`);
  expect(out).toMatch(/MX +\S+: signed and validated\n/);
  expect(out).toMatch(/\ntry {2}mx\.\S+ +TLSv1\.2 or newer, DANE at mx\./);
});

test('`lint` finds fault with nothing of the lab, and its resolver validates', async () => {
  const { out } = await call(['lint', '--json']);
  const { faults, warnings } = JSON.parse(out) as { faults: unknown[]; warnings: { problem: string }[] };
  expect(faults).toEqual([]);
  expect(warnings.filter(({ problem }) => problem.includes('validates'))).toEqual([]);
});
