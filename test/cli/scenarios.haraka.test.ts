/** The command against the lab in which a real Haraka delivers: what it says beforehand is what then happens. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mxHosts } from '../../haraka-test-harness/build_world';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import type { DeliverySummary } from '../../src/delivery/summary';
import { describeRequirement } from '../../src/delivery/attempt';
import { requirementText } from '../../src/cli/decision_text';
import type { Authentication, Decision, HostPlan, Requirement } from '../../src/policy/requirement';
import { compareVersions, tlsVersion } from '../../src/tls/version';
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
  readonly senders: readonly { readonly rule: string }[];
  readonly level: string;
  readonly goes: boolean;
  readonly attempts: readonly {
    readonly verdict: { kind: string; tlsVersion?: string; verified?: string };
  }[];
}

interface Explanation {
  readonly rule: { readonly name: string; readonly level: string };
  readonly decision: Decision;
  /** What is printed without `--json`. */
  readonly printed: readonly string[];
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
  const calls = scenarios.flatMap(({ sender, peer }) => [
    ['explain', '--json', addressOf(sender), peer],
    ['explain', addressOf(sender), peer],
  ]);
  const called = await callMany(calls);
  for (const [index, { peer }] of scenarios.entries()) {
    const [asJson, asText] = [called[2 * index]!.out, called[2 * index + 1]!.out];
    const explained = JSON.parse(asJson.join('\n')) as Explanation;
    explanations.set(peer, { ...explained, printed: asText });
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
    if (row.rule !== '') expect([report.senders[0]?.rule, report.level]).toEqual([row.rule, row.level]);
  });
});

describe('what `explain` says is what Haraka then holds the peer to', () => {
  test.each(peers)('for %s: the rule', (peer) => {
    const { rule } = explanations.get(peer)!;
    const row = rows.get(peer)!;
    // Where Haraka could not decide, it names no rule.
    if (row.rule !== '') expect(`${rule.name} ${rule.level}`).toBe(`${row.rule} ${row.level}`);
  });

  test.each(peers)('for %s: the requirement of each MX host', (peer) => {
    const { decision, printed } = explanations.get(peer)!;
    const { status, summary } = outcomeOf(peer);
    if (decision.kind !== 'deliver') {
      expect(decision.kind).toBe(status === 'bounced' ? 'undeliverable' : 'defer');
      if (decision.kind === 'defer') expect(reasonsOf(summary)).toEqual([decision.failure.reason]);
      return;
    }
    for (const { host, failure } of decision.refused) {
      expect(summary.reasons).toContainEqual(expect.objectContaining({ host, reason: failure.reason }));
    }
    for (const { host, requirement } of decision.hosts) {
      expect(printed).toContainEqual(expect.stringMatching(rowStart(host, requirementText(requirement))));
    }
    const plan = planOf(decision.hosts, summary);
    expect(summary.requirement).toBe(plan === undefined ? 'refused' : describeRequirement(plan.requirement));
    expect(summary.discovered).toBe(plan?.discovered ?? decision.refused[0]?.discovered);
    if (status === 'delivered') expectMet(plan!.requirement, summary);
    else if (plan !== undefined) expectTried(decision.hosts, summary);
    for (const one of decision.hosts) expectTooOldWhere(isTooOld(peer, one), one.host, summary);
  });
});

/** What Haraka noted on the delivery. */
function outcomeOf(peer: string): { readonly status: string; readonly summary: DeliverySummary } {
  const { status, summary } = lab.outcomes().find(({ domain }) => domain === peer)!;
  return { status, summary: summary as unknown as DeliverySummary };
}

const reasonsOf = ({ reasons }: DeliverySummary) => reasons.map(({ reason }) => reason);

const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A line of the table of hosts. */
function rowStart(host: string, requirement: string): RegExp {
  return new RegExp(`^try +${literally(host)} +${literally(requirement)}(?: |$)`);
}

/** That of the host that took the message, or of the first that was to. */
function planOf(plans: readonly HostPlan[], { host }: DeliverySummary): HostPlan | undefined {
  return host === '' ? plans[0] : plans.find((plan) => plan.host === host);
}

/** A session that delivered is one that the requirement allows: its version, and how the peer was verified. */
function expectMet(requirement: Requirement, { tls_version, verified }: DeliverySummary): void {
  if (requirement.kind === 'encrypted' || tls_version !== '') {
    const least = requirement.kind === 'cleartext' ? 'TLSv1' : requirement.minVersion;
    expect(compareVersions(tlsVersion(tls_version)!, least)).toBeGreaterThanOrEqual(0);
  }
  if (requirement.kind === 'encrypted') expect(verified).toMatch(verifiedBy[requirement.authentication.kind]);
  else if (requirement.kind === 'cleartext') expect([tls_version, verified]).toEqual(['', 'none']);
}

const verifiedBy: Readonly<Record<Authentication['kind'], RegExp>> = {
  none: /^unauthenticated$/,
  dane: /^dane [23] [01] [012]$/,
  pkix: /^pkix$/,
  dane_and_pkix: /^dane [23] [01] [012] and pkix$/,
  fingerprints: /^fingerprint$/,
};

/** Whether the best version of the host is below what it would be held to. */
function isTooOld(peer: string, { host, requirement }: HostPlan): boolean {
  const { domain } = scenarios.find((one) => one.peer === peer)!;
  const best = mxHosts(peer, domain).find((one) => one.host === host)?.tls?.max ?? 'TLSv1.3';
  return requirement.kind !== 'cleartext' && compareVersions(best, requirement.minVersion) < 0;
}

function expectTooOldWhere(tooOld: boolean, host: string, { reasons, recorded }: DeliverySummary): void {
  const found = [...reasons, ...recorded].filter((one) => one.host.split(' ')[0] === host);
  expect(found.some(({ reason }) => reason === 'tls-version-too-low')).toBe(tooOld);
}

/** Every host that was to be tried failed. */
function expectTried(plans: readonly HostPlan[], { reasons }: DeliverySummary): void {
  const failed = new Set(reasons.map(({ host }) => host.split(' ')[0]));
  for (const { host } of plans) expect(failed).toContain(host);
}

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

test('`test` shows the session of a host that it refuses', async () => {
  const { out } = await call(['test', '--from', senderAddress('managed'), 'verify-wrong-name.example']);
  expect(out).toMatch(
    /^ {2}refused +mx\.verify-wrong-name\.example +127\S+ +TLSv1\.3 TLS_\S+ +wrong\.example until \d{4}-\d\d-\d\d +certificate-host-mismatch: /m,
  );
});

test.each([
  ['sts.example', /^ {2}MTA-STS +enforce, id \S+, mx mx\.sts\.example,/m],
  ['sts-absent.example', /^ {2}MTA-STS +no policy published$/m],
  ['sts-garbage.example', /^ {2}MTA-STS +no policy: \S.*/m],
  ['sts-not-found.example', /^ {2}MTA-STS +no policy: .*\b404\b/m],
  ['sts-untrusted-host.example', /^ {2}MTA-STS +no policy: .*certificate/m],
])('`test` says of %s what is known of its policy, in the words of `explain`', async (peer, line) => {
  const [tested, explained] = await Promise.all([
    call(['test', '--from', senderAddress('managed'), peer]),
    call(['explain', senderAddress('managed'), peer]),
  ]);
  expect(tested.out).toMatch(line);
  const said = (text: string) => /^ *MTA-STS +(.*)$/m.exec(text)?.[1];
  expect(said(tested.out)).toBe(said(explained.out));
});

test('`test` is silent about policies where the rule asks for none', async () => {
  const { out } = await call(['test', '--from', senderAddress('managed'), 'must.example']);
  expect(out).not.toContain('MTA-STS');
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
