/**
 * What `impact` says of mail that goes out, beside what happens: the same mail is sent once under each rule, by a managed domain
 * that has it. Each pair of a rule in force and a changed one is then a case.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { Outcome } from '../../../haraka-test-harness/reports';
import { securityLevels } from '../../../src/peers/rule';
import type { PeerImpact } from '../../../src/evidence/views/impact';
import { aloneIn, counted, impactSays, withCopy } from './install';
import { makePeers, type Peers } from './peers';
import type { Kind, Tally } from './tally';

/** The keys of a rule; `security_level` is always there. */
type Keys = Readonly<Record<string, string>>;

const level = (name: string, more: Keys = {}): Keys => ({ security_level: name, ...more });
const minimum = (version: string): Keys => ({ min_tls_version: version });

/** Rules that are in force when the mail is sent that counts. */
const inForce: readonly Keys[] = [
  ...securityLevels.map((name) => level(name)),
  level('auto', minimum('1.2')),
  level('mandatory', minimum('none')),
  level('auto', { enforcement: 'monitor' }),
  level('verify', { enforcement: 'monitor' }),
  level('mandatory_dane', { enforcement: 'monitor' }),
];

/** Rules that others are changed to. */
function changedRules(fingerprint: string): Keys[] {
  const levels = [
    'opportunistic',
    'mandatory',
    'verify',
    'opportunistic_dane',
    'mandatory_dane',
    'mta_sts',
    'auto',
  ];
  return [
    ...securityLevels.map((name) => level(name)),
    ...levels.flatMap((name) => ['none', '1.2', '1.3'].map((version) => level(name, minimum(version)))),
    ...['1.0', '1.1'].flatMap((version) =>
      ['auto', 'mandatory'].map((name) => level(name, minimum(version))),
    ),
    ...['opportunistic', 'auto'].flatMap((name) => [
      level(name, { cleartext_fallback: 'never' }),
      level(name, { cleartext_fallback: 'no_starttls' }),
      level(name, { cleartext_fallback: 'no_starttls', ...minimum('1.3') }),
    ]),
    level('auto', { insecure_mx: 'may' }),
    level('mandatory_dane', { insecure_mx: 'may' }),
    level('auto', { enforcement: 'monitor' }),
    level('mandatory', { enforcement: 'monitor' }),
    level('mandatory', { action_on_failure: 'bounce' }),
    level('verify', { match: 'hostname, nexthop' }),
    level('verify', { match: 'nexthop' }),
    level('verify', { match: 'nexthop, dot-nexthop' }),
    level('verify', { match: '*.good.example' }),
    level('verify', { match: 'hostname, mx.wrong-name.example' }),
    level('verify', { fingerprints: fingerprint }),
  ];
}

type Fared = 'tls' | 'cleartext' | 'held';
type Effect = 'none' | 'refused' | 'weakened' | 'released' | 'notKnown';

const textOf = (keys: Keys): string =>
  Object.entries(keys)
    .map(([key, value]) => `${key} = ${value}`)
    .join(', ');
const section = (keys: Keys): string => `${textOf(keys).replaceAll(/, (?=\w+ = )/g, '\n')}\n`;

/** What became of the mail of each rule, by peer. */
class Truth {
  readonly #fared = new Map<string, ReadonlyMap<string, Fared>>();
  readonly #tried = new Set<string>();

  set(keys: Keys, fared: ReadonlyMap<string, Fared>): void {
    this.#fared.set(textOf(keys), fared);
  }

  of(keys: Keys, peer: string): Fared {
    const fared = this.#fared.get(textOf(keys))?.get(peer);
    if (fared === undefined) throw new Error(`nothing was sent to ${peer} under ${textOf(keys)}`);
    return fared;
  }

  /** The message came as far as a connection. */
  tried(keys: Keys, peer: string): void {
    this.#tried.add(`${textOf(keys)} ${peer}`);
  }

  wasTried(keys: Keys, peer: string): boolean {
    return this.#tried.has(`${textOf(keys)} ${peer}`);
  }

  effect(before: Keys, after: Keys, peer: string): Effect {
    const [was, is] = [this.of(before, peer), this.of(after, peer)];
    if (is === 'held') return was === 'held' ? 'none' : 'refused';
    if (was === 'held') return 'released';
    return was === 'tls' && is === 'cleartext' ? 'weakened' : 'none';
  }
}

export async function compareOutbound(tally: Tally): Promise<void> {
  const peers = await makePeers();
  const changed = changedRules(peers.fingerprint);
  const all = new Map([...inForce, ...changed].map((keys) => [textOf(keys), keys]));
  const rules = [...all.values()];
  const senderOf = (keys: Keys): string => `rule${[...all.keys()].indexOf(textOf(keys))}.example`;
  const lab = await startLab(peers.world, {
    retryIntervals: '1h*12',
    config: Object.fromEntries(
      rules.map((keys) => [`tls-peers/${senderOf(keys)}.ini`, `[outbound]\n${section(keys)}`]),
    ),
  });
  try {
    const truth = new Truth();
    for (const keys of inForce) {
      const before = connectionsOf(lab);
      truth.set(keys, await sendToAll(lab, senderOf(keys), peers.all));
      for (const [peer, connections] of connectionsOf(lab))
        if (connections > (before.get(peer) ?? 0)) truth.tried(keys, peer);
    }
    await counted(lab.haraka.directory, inForce.length * peers.all.length, '--outbound');
    await withCopy(lab.haraka.directory, async (copy) => {
      for (const keys of rules)
        if (!inForce.includes(keys)) truth.set(keys, await sendToAll(lab, senderOf(keys), peers.all));
      await eachChange({ copy, truth, peers, changed, senderOf }, tally);
      await onePeerAndWildcard({ copy, truth, peers, changed, senderOf }, tally);
      await editedFiles({ copy, truth, peers, changed, senderOf }, tally);
    });
  } finally {
    await lab.stop();
  }
}

interface Sent {
  readonly copy: string;
  readonly truth: Truth;
  readonly peers: Peers;
  readonly changed: readonly Keys[];
  readonly senderOf: (keys: Keys) => string;
}

/** `--set` in the default of a managed domain: every changed rule that says all that the one in force says. */
async function eachChange({ copy, truth, peers, changed, senderOf }: Sent, tally: Tally): Promise<void> {
  for (const before of inForce) {
    const alone = await aloneIn(copy, senderOf(before));
    for (const after of changed) {
      if (textOf(before) === textOf(after) || !saysAllOf(before, after)) continue;
      // Of level none nothing is seen but that it went: each other level once.
      const isBlind = before['security_level'] === 'none';
      if (isBlind && Object.keys(after).length > 1) continue;
      const isEnforced = before['enforcement'] === 'monitor' && after['enforcement'] === undefined;
      const set = Object.entries({ ...(isEnforced ? { enforcement: 'enforce' } : {}), ...after }).filter(
        ([key, value]) => before[key] !== value,
      );
      const args = [
        '--managed',
        senderOf(before),
        ...set.flatMap(([key, value]) => ['--set', `${key}=${value}`]),
      ];
      const { peers: said } = await impactSays(copy, args);
      const { peers: saidAlone } = await impactSays(alone, args);
      const change = `${textOf(before)} -> ${textOf(Object.fromEntries(set))}`;
      tally.begin(change, kindOf(before, after), textOf(before));
      for (const peer of peers.all) {
        const isPlain = !isBlind && peers.alone.has(peer) && !isBetween(before, after, peer);
        tally.compare(peer, claimOf(said, peer), {
          is: truth.effect(before, after, peer),
          isPlain: isPlain && truth.wasTried(before, peer),
          alone: claimOf(saidAlone, peer),
        });
      }
      tally.end();
    }
  }
}

/** A peer that has refused TLS 1.2 and later may speak 1.1, or not: no handshake can tell that did not offer it. */
function isBetween(before: Keys, after: Keys, peer: string): boolean {
  const refusedOld = before['min_tls_version'] === '1.2' || before['min_tls_version'] === undefined;
  return peer === 'old.example' && refusedOld && after['min_tls_version'] === '1.1';
}

function connectionsOf(lab: Lab): Map<string, number> {
  const connections = new Map<string, number>();
  for (const peer of lab.peers) {
    const domain =
      peer.name === 'mx.signed-host.example' ? 'insecure-mx.example' : peer.name.replace(/^mx\d?\./, '');
    connections.set(domain, (connections.get(domain) ?? 0) + peer.connections.length);
  }
  return connections;
}

/** What is only monitored is enforced by each change that does not say otherwise. */
function saysAllOf(before: Keys, after: Keys): boolean {
  return Object.keys(before).every((key) => key in after || key === 'enforcement');
}

/** What nothing may stay open of. */
function kindOf(before: Keys, after: Keys): Kind {
  if (before['security_level'] === after['security_level'])
    return Object.keys(after).every((key) => before[key] === after[key] || key === 'min_tls_version')
      ? 'minimum'
      : 'other';
  return after['security_level'] === 'mandatory' ? 'to_mandatory' : 'other';
}

/** `--set` for one peer, and for all below a domain. */
async function onePeerAndWildcard({ copy, truth, peers, senderOf }: Sent, tally: Tally): Promise<void> {
  const before = level('auto');
  const after = level('verify');
  for (const [peer, touches] of [
    ['self-signed.example', (name: string) => name === 'self-signed.example'],
    ['good.example', (name: string) => name === 'good.example'],
    ['*.example', () => true],
    ['*.elsewhere', () => false],
  ] as const) {
    const { peers: said } = await impactSays(copy, [
      ...['--managed', senderOf(before), '--peer', peer],
      ...['--set', 'security_level=verify'],
    ]);
    tally.begin(`[outbound ${peer}] in a domain at auto -> security_level = verify`, 'other', textOf(before));
    for (const name of peers.all) {
      const is = touches(name) ? truth.effect(before, after, name) : 'none';
      tally.compare(name, claimOf(said, name), { is, isPlain: peers.alone.has(name) });
    }
    tally.end();
  }
}

/** `--edited`: a config directory in which several things differ at once. */
async function editedFiles({ copy, truth, peers, senderOf }: Sent, tally: Tally): Promise<void> {
  const before = level('auto');
  const managed = senderOf(before);
  const edited = path.join(copy, 'edited');
  await mkdir(edited);
  await cp(path.join(copy, 'config'), path.join(edited, 'config'), { recursive: true });
  const sections: Readonly<Record<string, Keys>> = {
    '': level('mandatory_dane'),
    'self-signed.example': level('verify'),
    'good.example': level('mandatory', minimum('1.3')),
    'dane.example': level('mta_sts'),
    '*.example': level('mandatory'),
  };
  const ruleFor = (peer: string): Keys => sections[peer] ?? level('mandatory');
  await writeFile(
    path.join(edited, 'config/tls-peers', `${managed}.ini`),
    Object.entries(sections)
      .map(([peer, keys]) => `[${`outbound ${peer}`.trim()}]\n${section(keys)}\n`)
      .join(''),
  );
  const { peers: said } = await impactSays(copy, ['--edited', path.join(edited, 'config')]);
  tally.begin('a file with five other sections', 'other', textOf(before));
  for (const peer of peers.all) {
    const ours = said.filter((one) => one.managed === managed);
    tally.compare(peer, claimOf(ours, peer), {
      is: truth.effect(before, ruleFor(peer), peer),
      isPlain: peers.alone.has(peer),
    });
  }
  if (said.some((one) => one.managed !== managed)) tally.wrong('domains whose files are as they were');
  tally.end();
}

function claimOf(said: readonly PeerImpact[], peer: string): Effect {
  const one = said.find((row) => row.peer === peer);
  const kinds = ['refused', 'weakened', 'released', 'notKnown'] as const;
  return kinds.find((kind) => one !== undefined && one[kind] > 0) ?? 'none';
}

async function sendToAll(lab: Lab, sender: string, peers: readonly string[]): Promise<Map<string, Fared>> {
  const outcomes = await Promise.all(
    peers.map((peer) => lab.deliver({ from: `me@${sender}`, to: `you@${peer}` }, { timeoutMs: 120_000 })),
  );
  return new Map(peers.map((peer, at) => [peer, faredOf(outcomes[at])]));
}

function faredOf(outcome: Outcome | undefined): Fared {
  if (outcome?.status !== 'delivered') return 'held';
  return outcome.summary?.['tls_version'] === '' ? 'cleartext' : 'tls';
}
