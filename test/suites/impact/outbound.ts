/**
 * What `impact` says beside what happens: the same mail is sent once under the rule in force, and once under each changed
 * rule, by a managed domain that has it.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { Outcome } from '../../../haraka-test-harness/reports';
import type { PeerImpact } from '../../../src/evidence/views/impact';
import { world } from './peers';

interface Case {
  /** The rule in force. */
  readonly base: readonly string[];
  /** What is set. */
  readonly change: readonly string[];
}

const auto = ['security_level = auto'];
const mandatory = ['security_level = mandatory'];
const verify = ['security_level = verify'];

/** Of `min_tls_version` and of `mandatory` nothing may stay open. */
const cases: readonly Case[] = [
  ...['none', '1.0', '1.1', '1.2', '1.3'].map((version) => ({
    base: auto,
    change: [`min_tls_version = ${version}`],
  })),
  { base: auto, change: mandatory },
  { base: auto, change: [...mandatory, 'min_tls_version = 1.3'] },
  { base: auto, change: [...mandatory, 'min_tls_version = none'] },
  { base: auto, change: verify },
  { base: auto, change: [...verify, 'min_tls_version = 1.3'] },
  { base: auto, change: ['security_level = mandatory_dane'] },
  { base: auto, change: ['security_level = mandatory_dane', 'min_tls_version = 1.3'] },
  { base: auto, change: ['security_level = opportunistic_dane'] },
  { base: auto, change: ['security_level = opportunistic_dane', 'cleartext_fallback = never'] },
  { base: auto, change: ['security_level = mta_sts'] },
  { base: auto, change: ['security_level = mta_sts', 'min_tls_version = 1.3'] },
  { base: auto, change: ['security_level = opportunistic'] },
  { base: auto, change: ['security_level = opportunistic', 'min_tls_version = 1.3'] },
  {
    base: auto,
    change: ['security_level = opportunistic', 'min_tls_version = 1.3', 'cleartext_fallback = no_starttls'],
  },
  { base: auto, change: ['security_level = none'] },
  { base: auto, change: ['cleartext_fallback = never'] },
  { base: auto, change: ['cleartext_fallback = no_starttls'] },
  { base: auto, change: ['cleartext_fallback = no_starttls', 'min_tls_version = 1.2'] },
  { base: auto, change: ['insecure_mx = may'] },
  { base: auto, change: ['enforcement = monitor'] },
  { base: auto, change: ['security_level = verify', 'enforcement = monitor'] },
  { base: mandatory, change: ['min_tls_version = 1.3'] },
  { base: mandatory, change: ['min_tls_version = none'] },
  { base: mandatory, change: verify },
  { base: mandatory, change: ['security_level = opportunistic'] },
  { base: verify, change: mandatory },
  { base: verify, change: ['min_tls_version = 1.3'] },
  { base: verify, change: ['security_level = opportunistic'] },
  { base: ['security_level = opportunistic'], change: mandatory },
  { base: ['security_level = opportunistic'], change: ['min_tls_version = 1.2'] },
  { base: ['security_level = opportunistic'], change: verify },
];

type Effect = 'none' | 'refused' | 'weakened' | 'released' | 'notKnown';

export interface ImpactResult {
  readonly cases: number;
  readonly messages: number;
  readonly notKnown: number;
  /** One line each. */
  readonly wrong: readonly string[];
}

export async function compareImpact(print: (line: string) => void): Promise<ImpactResult> {
  const domains = new Map<string, string>();
  const bases = [...new Set(cases.map(({ base }) => base.join('\n')))];
  const baseDomain = (base: readonly string[]) => `base${bases.indexOf(base.join('\n'))}.example`;
  for (const base of bases) domains.set(`base${bases.indexOf(base)}.example`, base);
  cases.forEach(({ base, change }, at) =>
    domains.set(`change${at}.example`, merged(base, change).join('\n')),
  );
  const lab = await startLab(world, {
    retryIntervals: '1h*12',
    config: Object.fromEntries(
      [...domains].map(([domain, keys]) => [`tls-peers/${domain}.ini`, `[outbound]\n${keys}\n`]),
    ),
  });
  const copy = await mkdtemp(path.join(tmpdir(), 'tls-peers-impact-'));
  try {
    const peers = Object.keys(world.domains);
    const before = new Map<string, ReadonlyMap<string, Fared>>();
    for (const base of bases) {
      const sender = `base${bases.indexOf(base)}.example`;
      before.set(sender, await sendToAll(lab, sender, peers));
    }
    await counted(lab, bases.length * peers.length);
    // What is sent from here on is not in the record that is asked.
    for (const part of ['config', 'evidence'])
      await cp(path.join(lab.haraka.directory, part), path.join(copy, part), { recursive: true });
    const result = { cases: cases.length, messages: 0, notKnown: 0, wrong: [] as string[] };
    for (const [at, { base, change }] of cases.entries()) {
      const said = impactSays(copy, baseDomain(base), change);
      const after = await sendToAll(lab, `change${at}.example`, peers);
      const open: string[] = [];
      for (const peer of peers) {
        const truth = effect(before.get(baseDomain(base))?.get(peer), after.get(peer));
        const claim = said.get(peer) ?? 'none';
        result.messages += 1;
        if (claim === 'notKnown') open.push(peer);
        else if (claim !== truth)
          result.wrong.push(
            `${base.join(', ')} -> ${change.join(', ')}: ${peer}: says ${claim}, is ${truth}`,
          );
      }
      result.notKnown += open.length;
      print(`${base.join(', ')} -> ${change.join(', ')}: not known ${open.length} ${open.join(' ')}`);
    }
    return result;
  } finally {
    await rm(copy, { recursive: true, force: true });
    await lab.stop();
  }
}

function merged(base: readonly string[], change: readonly string[]): string[] {
  const keyOf = (line: string) => line.split(' ')[0];
  const changed = new Set(change.map(keyOf));
  return [...base.filter((line) => !changed.has(keyOf(line))), ...change];
}

type Fared = 'tls' | 'cleartext' | 'held';

async function sendToAll(lab: Lab, sender: string, peers: readonly string[]): Promise<Map<string, Fared>> {
  const outcomes = await Promise.all(
    peers.map((peer) => lab.deliver({ from: `me@${sender}`, to: `you@${peer}` }, { timeoutMs: 60_000 })),
  );
  return new Map(peers.map((peer, at) => [peer, faredOf(outcomes[at])]));
}

function faredOf(outcome: Outcome | undefined): Fared {
  if (outcome?.status !== 'delivered') return 'held';
  return outcome.summary?.tls_version === '' ? 'cleartext' : 'tls';
}

function effect(before: Fared | undefined, after: Fared | undefined): Effect {
  if (after === 'held') return before === 'held' ? 'none' : 'refused';
  if (before === 'held') return 'released';
  return before === 'tls' && after === 'cleartext' ? 'weakened' : 'none';
}

function impactSays(install: string, managed: string, change: readonly string[]): Map<string, Effect> {
  const sets = change.flatMap((line) => ['--set', line.replace(' = ', '=')]);
  const { peers } = call(install, ['impact', '--json', '--managed', managed, ...sets]) as {
    peers: PeerImpact[];
  };
  return new Map(
    peers.map((one) => {
      const kinds = ['refused', 'weakened', 'released', 'notKnown'] as const;
      return [one.peer, kinds.find((kind) => one[kind] > 0) ?? 'none'];
    }),
  );
}

function call(install: string, args: readonly string[]): unknown {
  const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
  try {
    return JSON.parse(
      execFileSync(process.execPath, [cli, ...args, '-c', install], { encoding: 'utf8', stdio: 'pipe' }),
    );
  } catch (error) {
    const { status, stdout } = error as { status?: number; stdout?: string };
    if (status === 1 && stdout !== undefined) return JSON.parse(stdout);
    throw error;
  }
}

/** Waits until the record on disk holds so many messages. */
async function counted(lab: Lab, messages: number): Promise<void> {
  for (let tries = 0; tries < 120; tries++) {
    const { total } = call(lab.haraka.directory, ['traffic', '--json', '--outbound']) as {
      total: { messages: number; deferred: number; bounced: number };
    };
    if (total.messages + total.deferred + total.bounced >= messages) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`the record does not hold ${messages} messages`);
}
