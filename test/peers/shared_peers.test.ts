/** Whose peers govern a message: those of the managed domain's file, or those of tls-peers.ini. */
import { expect, test } from 'vitest';
import { utcDay } from '../../src/peers/day';
import { explainOutbound } from '../../src/peers/explain';
import { inboundRule, outboundRule } from '../../src/peers/rules';
import { loadSettings } from '../../src/settings/load/load';
import type { Settings } from '../../src/settings/schema/types';
import { ruleForClient } from '../../src/inbound/client_rule';
import { memorySource } from '../settings/memory_source';

const today = utcDay(new Date('2026-06-15'));

function settingsOf(files: Record<string, string>): Settings {
  const { settings, faults } = loadSettings(memorySource(files));
  expect(faults).toEqual([]);
  return settings;
}

const states = {
  exact: '[DIRECTION mx.peer.example]\n',
  wildcard: '[DIRECTION *.peer.example]\n',
  disabled: '[DIRECTION mx.peer.example]\nstatus = disabled\n',
  lapsed: '[DIRECTION mx.peer.example]\nexempt_until = 2026-06-14\n',
} as const;
type State = keyof typeof states;

const senders = { managed: 'ours.example', unmanaged: 'stranger.example', 'null sender': '' } as const;
type Sender = keyof typeof senders;

/** Where the one section for the peer stands: in the file of ours.example, or in tls-peers.ini with this scope. */
type Place = 'own' | 'all' | 'unmanaged';

/** Which section governs: that section, the default of ours.example, or the default for unspecified domains. */
type Governs = 'peer' | 'own default' | 'default';

const table: [Sender, Place, Record<State, Governs>][] = [
  ['managed', 'own', { exact: 'peer', wildcard: 'peer', disabled: 'own default', lapsed: 'own default' }],
  ['managed', 'all', { exact: 'peer', wildcard: 'peer', disabled: 'own default', lapsed: 'own default' }],
  [
    'managed',
    'unmanaged',
    { exact: 'own default', wildcard: 'own default', disabled: 'own default', lapsed: 'own default' },
  ],
  ['unmanaged', 'own', { exact: 'default', wildcard: 'default', disabled: 'default', lapsed: 'default' }],
  ['unmanaged', 'all', { exact: 'peer', wildcard: 'peer', disabled: 'default', lapsed: 'default' }],
  ['unmanaged', 'unmanaged', { exact: 'peer', wildcard: 'peer', disabled: 'default', lapsed: 'default' }],
  ['null sender', 'own', { exact: 'default', wildcard: 'default', disabled: 'default', lapsed: 'default' }],
  ['null sender', 'all', { exact: 'peer', wildcard: 'peer', disabled: 'default', lapsed: 'default' }],
  ['null sender', 'unmanaged', { exact: 'peer', wildcard: 'peer', disabled: 'default', lapsed: 'default' }],
];
const rows = table.flatMap(([sender, place, byState]) =>
  (Object.entries(byState) as [State, Governs][]).map(([state, governs]) => ({
    sender,
    place,
    state,
    governs,
  })),
);

/** `inbound` for mail the other way: the sender above is then the recipient, and the peer sends. */
function filesFor(direction: 'outbound' | 'inbound', place: Place, state: State): Record<string, string> {
  const section = states[state].replace('DIRECTION', direction);
  const [own, shared] = place === 'own' ? [section, ''] : ['', `${section}scope = ${place}\n`];
  return {
    'tls-peers.ini': `[${direction}]\nsecurity_level = may\n${shared}`,
    'tls-peers/ours.example.ini': `[${direction}]\nsecurity_level = may\n${own}`,
  };
}

function namesFor(direction: string, place: Place, state: State): Record<Governs, string> {
  const peer = /\[(.*)\]/.exec(states[state].replace('DIRECTION', direction))?.[1] ?? '';
  return {
    peer: `${place === 'own' ? 'ours.example' : 'tls-peers.ini'} [${peer}]`,
    'own default': `ours.example [${direction}]`,
    default: `tls-peers.ini [${direction}]`,
  };
}

test('the table has every combination once', () => {
  const keys = new Set(rows.map(({ sender, place, state }) => `${sender} ${place} ${state}`));
  expect([rows.length, keys.size]).toEqual([3 * 3 * 4, 3 * 3 * 4]);
});

test.each(rows)(
  'outbound, $sender: a peer ($state) that stands in: $place; governs: $governs',
  ({ sender, place, state, governs }) => {
    const found = outboundRule(
      settingsOf(filesFor('outbound', place, state)),
      senders[sender],
      'mx.peer.example',
      today,
    );
    expect(found.kind === 'rule' && found.rule.name).toBe(namesFor('outbound', place, state)[governs]);
  },
);

test.each(rows.filter(({ sender }) => sender !== 'null sender'))(
  'inbound, recipient $sender: a peer ($state) that stands in: $place; governs: $governs',
  ({ sender, place, state, governs }) => {
    const found = inboundRule(
      settingsOf(filesFor('inbound', place, state)),
      senders[sender],
      { ip: '192.0.2.1', senderDomain: 'mx.peer.example' },
      today,
    );
    expect(found.kind === 'rule' && found.rule.name).toBe(namesFor('inbound', place, state)[governs]);
  },
);

/** The section of the managed domain, and whether a peer of all domains in tls-peers.ini may still govern. */
test.each([
  ['[outbound peer.example]', 'ours.example [outbound peer.example]'],
  ['[outbound *.example]', 'ours.example [outbound *.example]'],
  ['[outbound peer.example]\nstatus = disabled', 'ours.example [outbound]'],
  ['[outbound *.example]\nstatus = disabled', 'ours.example [outbound]'],
  ['[outbound peer.example]\nexempt_until = 2026-06-14', 'ours.example [outbound]'],
  ['[outbound *.example]\nexempt_until = 2026-06-14', 'ours.example [outbound]'],
  ['[outbound other.example]', 'tls-peers.ini [outbound peer.example]'],
  ['[outbound *.peer.example]', 'tls-peers.ini [outbound peer.example]'],
  ['[inbound peer.example]', 'tls-peers.ini [outbound peer.example]'],
])('a domain that has %j is governed by %s', (own, governs) => {
  const settings = settingsOf({
    'tls-peers.ini': '[outbound peer.example]\nscope = all\n[outbound *.example]\nscope = all\n',
    'tls-peers/ours.example.ini': `[outbound]\nsecurity_level = may\n${own}\n`,
  });
  const found = outboundRule(settings, 'ours.example', 'peer.example', today);
  expect(found.kind === 'rule' && found.rule.name).toBe(governs);
});

test('what a peer of all domains does not set comes from the default that would have applied', () => {
  const settings = settingsOf({
    'tls-peers.ini':
      '[outbound]\nsecurity_level = mandatory\naction_on_failure = bounce\n[outbound peer.example]\nscope = all\nmin_tls_version = 1.3\ncomment = shared\n',
    'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = verify\nmatch = nexthop\n',
    'tls-peers/lapsed.example.ini': '[outbound]\nsecurity_level = none\nexempt_until = 2026-06-14\n',
    'tls-peers/bare.example.ini': '; nothing\n',
    'tls-peers/off.example.ini': 'status = disabled\n[outbound]\nsecurity_level = none\n',
  });
  const rules = ['ours.example', 'lapsed.example', 'bare.example', 'off.example', 'stranger.example', ''].map(
    (sender) => {
      const found = outboundRule(settings, sender, 'peer.example', today);
      if (found.kind === 'invalid') return found.kind;
      const { level, minTlsVersion, actionOnFailure, match } = found.rule;
      return `${level} ${minTlsVersion} ${actionOnFailure} ${match.map(({ kind }) => kind).join()}`;
    },
  );
  expect(rules).toEqual([
    'verify 1.3 bounce nexthop',
    ...Array.from({ length: 5 }, () => 'mandatory 1.3 bounce hostname'),
  ]);
});

test('the null sender as a peer matches networks and defaults only', () => {
  const settings = settingsOf({
    'tls-peers.ini': '[inbound 192.0.2.0/24]\nscope = all\n[inbound *.example]\nscope = all\n',
    'tls-peers/ours.example.ini': '[inbound]\nsecurity_level = may\n',
  });
  const governs = (recipient: string, ip: string) => {
    const found = inboundRule(settings, recipient, { ip, senderDomain: '' }, today);
    return found.kind === 'rule' && found.rule.name;
  };
  expect([
    governs('stranger.example', '192.0.2.1'),
    governs('stranger.example', '198.51.100.1'),
    governs('ours.example', '192.0.2.1'),
    governs('ours.example', '198.51.100.1'),
  ]).toEqual([
    'tls-peers.ini [inbound 192.0.2.0/24]',
    'tls-peers.ini [inbound]',
    'tls-peers.ini [inbound 192.0.2.0/24]',
    'ours.example [inbound]',
  ]);
});

test('a client that may relay is held to networks alone, those of tls-peers.ini included', () => {
  const settings = settingsOf({
    'tls-peers.ini':
      '[inbound 10.0.0.0/8]\nsecurity_level = mandatory\n[inbound 10.1.0.0/16]\nscope = all\nsecurity_level = mandatory\n[inbound *.example]\nscope = all\n',
    'tls-peers/ours.example.ini': '[inbound 10.1.2.3]\nstatus = disabled\n[inbound x.example]\n',
  });
  const governs = (recipient: string, ip: string) => {
    const client = { ip, senderDomain: 'x.example', kind: 'own' } as const;
    const found = ruleForClient(settings, recipient, client, today);
    return found.kind === 'rule' ? found.rule.name : found.kind;
  };
  expect([
    governs('stranger.example', '10.2.0.1'),
    governs('stranger.example', '10.1.0.1'),
    governs('stranger.example', '192.0.2.1'),
    governs('ours.example', '10.2.0.1'),
    governs('ours.example', '10.1.0.1'),
    governs('ours.example', '10.1.2.3'),
  ]).toEqual([
    'tls-peers.ini [inbound 10.0.0.0/8]',
    'tls-peers.ini [inbound 10.1.0.0/16]',
    'none',
    'none',
    'tls-peers.ini [inbound 10.1.0.0/16]',
    'none',
  ]);
});

test('explain tells why a peer of tls-peers.ini does not govern a managed domain, and what it would weaken', () => {
  const settings = settingsOf({
    'tls-peers.ini':
      '[outbound a.example]\n[outbound *.example]\nscope = all\nsecurity_level = may\n[outbound b.example]\nscope = all\n',
    'tls-peers/ours.example.ini':
      '[outbound]\nsecurity_level = mandatory\n[outbound b.example]\nstatus = disabled\n',
  });
  const explained = (to: string) => {
    const found = explainOutbound(settings, 'ours.example', to, today);
    if (found.kind === 'invalid') return [];
    return [...found.candidates.map(({ name, outcome }) => `${outcome} ${name}`), ...found.remarks];
  };
  expect(explained('a.example')).toEqual([
    'unmanaged_only tls-peers.ini [outbound a.example]',
    'wins tls-peers.ini [outbound *.example]',
    'outranked ours.example [outbound]',
    'outranked tls-peers.ini [outbound]',
    'tls-peers.ini [outbound *.example] permits cleartext, where the default of ours.example does not (scope = all)',
  ]);
  expect(explained('b.example')).toEqual([
    'disabled ours.example [outbound b.example]',
    'listed tls-peers.ini [outbound b.example]',
    'listed tls-peers.ini [outbound *.example]',
    'wins ours.example [outbound]',
    'outranked tls-peers.ini [outbound]',
  ]);
});
