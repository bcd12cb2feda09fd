/** What `test` and `explain` say of a message, called by root, beside what a Haraka that is not root makes of it. */
import type { Lab } from '../../../haraka-test-harness';
import { runScenarios, type Row } from '../../../haraka-test-harness/run_scenarios';
import { scenarios, senderAddress, type Sender } from '../../../haraka-test-harness/scenarios';
import { describeRequirement } from '../../../src/delivery/attempt';
import type { Decision } from '../../../src/policy/requirement';
import { callIn } from '../../cli/lab_call';

interface Tested {
  readonly domain: string;
  readonly senders: readonly { readonly rule: string }[];
  readonly level: string;
  readonly goes: boolean;
  readonly attempts: readonly {
    readonly verdict: { readonly kind: string; readonly tlsVersion?: string; readonly verified?: string };
  }[];
}

interface Explained {
  readonly rule: { readonly name: string; readonly level: string };
  readonly decision: Decision;
}

/** What is not equal, one line each. Delivers one message to every peer. */
export async function compareAll(lab: Lab, say: (line: string) => void): Promise<string[]> {
  const tested = new Map<string, Tested>();
  for (const sender of ['managed', 'unmanaged', 'null'] as const) {
    const peers = scenarios.filter((one) => one.sender === sender).map(({ peer }) => peer);
    const { out } = await callIn(lab, ['test', '--json', '--from', addressOf(sender), ...peers]);
    for (const one of JSON.parse(out) as Tested[]) tested.set(one.domain, one);
  }
  say(`test: ${tested.size} peers`);
  const explained = new Map<string, Explained>();
  for (const { sender, peer } of scenarios) {
    const { out } = await callIn(lab, ['explain', '--json', addressOf(sender), peer]);
    explained.set(peer, JSON.parse(out) as Explained);
    if (explained.size % 10 === 0) say(`explain: ${explained.size} of ${scenarios.length} peers`);
  }
  const rows = await runScenarios(lab, scenarios);
  say(`delivered: ${rows.length} messages`);
  return rows.flatMap((row) => [
    ...row.faults.map((fault) => `${row.peer}: delivery: ${fault}`),
    ...unlikeTest(row, tested.get(row.peer)),
    ...unlikeExplain(lab, row, explained.get(row.peer)),
  ]);
}

const addressOf = (sender: Sender) => `<${senderAddress(sender)}>`;

function unlikeTest(row: Row, said: Tested | undefined): string[] {
  if (said === undefined) return [`${row.peer}: test said nothing`];
  const first = said.attempts.find(({ verdict }) => verdict.kind === 'goes')?.verdict;
  const version = first === undefined ? '' : first.tlsVersion === '' ? 'none' : first.tlsVersion;
  return differences(`${row.peer}: test`, [
    [said.goes, row.outcome === 'delivered'],
    [version, row.tls_version],
    [first?.verified ?? '', row.verified],
    ...ruled(row, said.senders[0]?.rule, said.level),
  ]);
}

function unlikeExplain(lab: Lab, row: Row, said: Explained | undefined): string[] {
  if (said === undefined) return [`${row.peer}: explain said nothing`];
  const { decision, rule } = said;
  const about = `${row.peer}: explain`;
  if (decision.kind !== 'deliver') {
    const fate = decision.kind === 'defer' ? 'deferred' : 'bounced';
    return differences(about, [[fate, row.outcome], ...ruled(row, rule.name, rule.level)]);
  }
  const { summary } = lab.outcomes().find(({ domain }) => domain === row.peer) ?? {};
  const plan = decision.hosts.find(({ host }) => host === summary?.['host']) ?? decision.hosts[0];
  return differences(about, [
    [plan === undefined ? 'refused' : describeRequirement(plan.requirement), row.requirement],
    ...ruled(row, rule.name, rule.level),
  ]);
}

type Pair = readonly [said: unknown, was: unknown];

/** Where Haraka could not decide, it names no rule. */
function ruled(row: Row, rule: string | undefined, level: string): Pair[] {
  return row.rule === '' ? [] : [[`${rule ?? ''} ${level}`, `${row.rule} ${row.level}`]];
}

function differences(about: string, pairs: readonly Pair[]): string[] {
  return pairs
    .filter(([said, was]) => said !== was)
    .map(([said, was]) => `${about} said ${JSON.stringify(said)}, it was ${JSON.stringify(was)}`);
}
