/** The command against the lab in which a real Haraka delivers: what it says beforehand is what then happens. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { runScenarios, type Row } from '../../haraka-test-harness/run_scenarios';
import {
  scenarioConfig,
  scenarioWorld,
  scenarios,
  senderAddress,
  type Sender,
} from '../../haraka-test-harness/scenarios';

import type { Called } from './call';
import { callIn, runIn } from './lab_call';

interface Report {
  readonly domain: string;
  readonly rule: string;
  readonly goes: boolean;
  readonly attempts: readonly {
    readonly verdict: { kind: string; tlsVersion?: string; verified?: string };
  }[];
}

interface Explanation {
  readonly rule: { readonly name: string; readonly level: string };
  readonly decision: { readonly kind: string; readonly hosts?: readonly { readonly discovered: string }[] };
}

let lab: Lab;
const reports = new Map<string, Report>();
const explanations = new Map<string, Explanation>();
const rows = new Map<string, Row>();

const call = (args: readonly string[]) => callIn(lab, args);

/** The same calls in one process, which saves starting it each time. */
async function callMany(calls: readonly (readonly string[])[]): Promise<Called[]> {
  const list = JSON.stringify(calls.map((args) => [...args, '-c', lab.haraka.directory]));
  const { out } = await runIn(lab, [
    '--import',
    'tsx',
    path.join(import.meta.dirname, 'many_calls.ts'),
    list,
  ]);
  return JSON.parse(out) as Called[];
}

const addressOf = (sender: Sender) => `<${senderAddress(sender)}>`;

async function collectReports(): Promise<void> {
  for (const sender of ['managed', 'unmanaged', 'null'] as const) {
    const peers = scenarios.filter((one) => one.sender === sender).map(({ peer }) => peer);
    const { out } = await call(['test', '--json', '--from', addressOf(sender), ...peers]);
    for (const report of JSON.parse(out) as Report[]) reports.set(report.domain, report);
  }
}

async function collectExplanations(): Promise<void> {
  const calls = scenarios.map(({ sender, peer }) => ['explain', '--json', addressOf(sender), peer]);
  const called = await callMany(calls);
  for (const [index, { out }] of called.entries()) {
    explanations.set(scenarios[index]!.peer, JSON.parse(out.join('\n')) as Explanation);
  }
}

beforeAll(async () => {
  lab = await startLab(scenarioWorld, {
    config: scenarioConfig(),
    resolver: { timeout: '1', deadline: '3' },
  });
  await Promise.all([collectReports(), collectExplanations()]);
  for (const row of await runScenarios(lab, scenarios)) rows.set(row.peer, row);
}, 120_000);

afterAll(() => lab.stop());

const peers = scenarios.map(({ peer }) => peer);

describe('what `test` says is what Haraka then does', () => {
  test.each(peers)('for %s', (peer) => {
    const report = reports.get(peer)!;
    const row = rows.get(peer)!;
    const first = report.attempts.find(({ verdict }) => verdict.kind === 'goes')?.verdict;
    const version = first === undefined ? '' : first.tlsVersion === '' ? 'none' : first.tlsVersion;
    expect({ goes: report.goes, version, verified: first?.verified ?? '' }).toEqual({
      goes: row.outcome === 'delivered',
      version: row.tls_version,
      verified: row.verified,
    });
    // Where Haraka could not decide, it names no rule.
    if (row.rule !== '') expect(report.rule).toBe(`${row.rule}: ${row.level}`);
  });
});

describe('what `explain` says is what Haraka then holds the peer to', () => {
  test.each(peers)('for %s', (peer) => {
    const { rule, decision } = explanations.get(peer)!;
    const row = rows.get(peer)!;
    if (row.rule !== '') expect(`${rule.name} ${rule.level}`).toBe(`${row.rule} ${row.level}`);
    const hosts = decision.hosts ?? [];
    // Without a host to try, no message goes; what is discovered at the one that took it is what was foretold.
    if (hosts.length === 0) expect(row.outcome).not.toBe('delivered');
    if (row.outcome === 'delivered')
      expect(hosts.map(({ discovered }) => discovered)).toContain(row.discovered);
  });
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
  expect(out).toMatch(/\nDNSSEC +resolver \S+ validates DNSSEC/);
  expect(out).toMatch(/MX +\S+: signed and validated\n/);
  expect(out).toMatch(/\ntry {2}mx\.\S+ +TLSv1\.2 or newer, DANE at mx\./);
});

test('`lint` finds fault with nothing of the lab, and its resolver validates', async () => {
  const { out } = await call(['lint', '--json']);
  const { faults, warnings } = JSON.parse(out) as { faults: unknown[]; warnings: { problem: string }[] };
  expect(faults).toEqual([]);
  expect(warnings.filter(({ problem }) => problem.includes('validates'))).toEqual([]);
});
