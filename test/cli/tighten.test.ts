/** What `tighten` makes of rules and records, without a network. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Attempt } from '../../src/cli/host_checks';
import { exemptions } from '../../src/cli/tighten/exemptions';
import { verdictOn } from '../../src/cli/tighten/hosts';
import { planSections, writePlan, type Plan } from '../../src/cli/tighten/plan';
import type { Proposal } from '../../src/cli/tighten/proposals';
import { refusingRules } from '../../src/cli/tighten/refusing';
import { targetOf } from '../../src/cli/tighten/target';
import { createFileWriter } from '../../src/evidence/store/file_writer';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import type { PeerRecord } from '../../src/evidence/views/tighten';
import { silent } from '../../src/log';
import type { Day } from '../../src/peers/day';
import type { OutboundRule } from '../../src/peers/rule';
import { changeFrom, stricterRules } from '../../src/policy/stricter';
import { loadSettings } from '../../src/settings/load/load';
import { directorySource } from '../../src/settings/load/source';
import { presentOwner } from '../../src/state/owner';
import { call, configDirectory } from './call';

const today = '2026-06-15' as Day;
const file = 'tls-peers/ours.example.ini';
const files = {
  'tls-peers.ini': `[outbound]
security_level = auto
[outbound all.example]
scope = all
security_level = opportunistic
match = nexthop
comment = for everybody
[outbound *.wild.example]
scope = all
security_level = opportunistic
[outbound own.example]
security_level = opportunistic
[outbound off.example]
status = disabled
`,
  [file]: `[outbound Own.Example]
security_level = encrypt
comment = ask Bob; tightened 2026-01-01: 50 messages on 7 days met this and its host passes now
[outbound off.example]
status = disabled
[outbound *.gone.example]
exempt_until = 2020-01-01
[outbound gone.example]
exempt_until = 2020-01-01
[outbound until.example]
security_level = opportunistic
exempt_until = 2026-07-01
[outbound never.example]
security_level = none
`,
  'tls-peers/off.example.ini': 'status = disabled\n',
};

let remove: () => void = () => undefined;
afterEach(() => {
  remove();
  remove = () => undefined;
});

function install(of: Readonly<Record<string, string>> = files) {
  const made = configDirectory(of);
  ({ remove } = made);
  const source = directorySource(made.directory);
  return { directory: made.directory, source, settings: loadSettings(source).settings };
}

const keyOf = (managed: string, peer: string) => ({ managed, direction: 'out', peer }) as const;

describe('where the section of a peer goes', () => {
  test.each<[managed: string, peer: string, expected: string]>([
    ['ours.example', 'new.example', `${file} default`],
    ['ours.example', 'own.example', `${file} own`],
    ['ours.example', 'all.example', `${file} above`],
    ['ours.example', 'x.wild.example', `${file} above`],
    ['ours.example', 'x.gone.example', `${file} default`],
    ['ours.example', 'gone.example', 'ours.example [outbound gone.example] has lapsed: take it out first'],
    ['ours.example', 'off.example', 'ours.example [outbound off.example] is disabled'],
    [
      'ours.example',
      'until.example',
      'ours.example [outbound until.example] is an exemption until 2026-07-01',
    ],
    [
      'ours.example',
      'never.example',
      'ours.example [outbound never.example] says that TLS is not to be tried',
    ],
    ['ours.example', '(other)', 'no section can name it'],
    ['ours.example', '[192.0.2.1]', 'no section can name it'],
    ['', 'new.example', 'tls-peers.ini default'],
    ['', 'own.example', 'tls-peers.ini own'],
    ['', 'x.wild.example', 'tls-peers.ini above'],
    [
      '',
      'all.example',
      'tls-peers.ini [outbound all.example] has scope = all: it stands for managed domains, too',
    ],
    ['', 'off.example', 'tls-peers.ini [outbound off.example] is disabled'],
    ['off.example', 'new.example', 'off.example is not managed any more'],
    ['was.example', 'new.example', 'was.example is not managed any more'],
  ])('%s to %s: %s', (managed, peer, expected) => {
    const target = targetOf(install().settings, keyOf(managed, peer), today);
    expect(target.kind === 'left' ? target.why : `${target.file} ${target.from}`).toBe(expected);
  });

  test('not into a file that is not valid', () => {
    const { settings } = install({ ...files, [file]: '[outbound]\nsecurity_level = strict\n' });
    expect(targetOf(settings, keyOf('ours.example', 'new.example'), today).kind).toBe('left');
  });
});

const seen: Sighting = { ...unseen, outcome: 'delivered', level: 'auto', tls: 'TLSv1.3', startTls: 'used' };
const recordOf = (managed: string, peer: string, sightings: PeerRecord['sightings'] = [[seen, 60]]) => ({
  key: keyOf(managed, peer),
  messages: 60,
  days: 8,
  lastSeen: today,
  sightings,
  strange: 0,
});

function propose(of: ReturnType<typeof install>, managed: string, peer: string): Proposal {
  const target = targetOf(of.settings, keyOf(managed, peer), today);
  if (target.kind === 'left') throw new Error(target.why);
  const rule = stricterRules(target.rule).find(({ level }) => level === 'verify');
  if (rule === undefined) throw new Error('no step');
  const step = changeFrom(target.rule, rule);
  const record = recordOf(managed, peer);
  return {
    kind: 'proposed',
    key: record.key,
    record,
    target,
    rule,
    step,
    hosts: 2,
    notStricter: [],
    notes: [],
  };
}

function planned(of: ReturnType<typeof install>, pairs: readonly (readonly [string, string])[]): Plan {
  const proposals = pairs.map(([managed, peer]) => propose(of, managed, peer));
  const others = ['own.example', 'y.wild.example', 'other.example'].flatMap((peer) => [
    keyOf('ours.example', peer),
    keyOf('', peer),
  ]);
  return planSections(proposals, { ...of, today, keys: [...proposals.map(({ key }) => key), ...others] });
}

describe('what is written', () => {
  test('carries over what the section said that applied, and nothing that was about that section', async () => {
    const of = install();
    const plan = planned(of, [
      ['ours.example', 'all.example'],
      ['ours.example', 'x.wild.example'],
      ['', 'z.wild.example'],
    ]);
    await writePlan(of.directory, plan, today);
    const why = 'tightened 2026-06-15: 60 messages on 8 days met this and all 2 hosts pass now';
    const own = readFileSync(path.join(of.directory, file), 'utf8');
    expect(own.slice(files[file].length)).toBe(
      `\n[outbound all.example]\nsecurity_level = verify\nmatch = nexthop\nmin_tls_version = 1.3\ncomment = ${why}\n` +
        `\n[outbound x.wild.example]\nsecurity_level = verify\nmin_tls_version = 1.3\ncomment = ${why}\n`,
    );
    const global = readFileSync(path.join(of.directory, 'tls-peers.ini'), 'utf8');
    expect(global.slice(files['tls-peers.ini'].length)).toBe(
      `\n[outbound z.wild.example]\nsecurity_level = verify\nmin_tls_version = 1.3\ncomment = ${why}\n`,
    );
  });

  test('edits the section that is there, with what others said in its comment', () => {
    const [one] = planned(install(), [['ours.example', 'own.example']]).files;
    expect(one?.text).toContain(
      '[outbound Own.Example]\nsecurity_level = verify\ncomment = ask Bob; tightened 2026-06-15: 60',
    );
    expect(one?.text).not.toContain('2026-01-01');
    expect(one?.text.match(/own\.example/gi)).toHaveLength(1);
  });

  test('into tls-peers.ini where there is none yet', async () => {
    const of = install({ [file]: files[file] });
    await writePlan(of.directory, planned(of, [['', 'new.example']]), today);
    expect(readFileSync(path.join(of.directory, 'tls-peers.ini'), 'utf8')).toMatch(
      /^\[outbound new\.example\]\nsecurity_level = verify\n/,
    );
  });

  test('not where what it inherits has changed meanwhile', async () => {
    const of = install();
    const plan = planned(of, [['ours.example', 'new.example']]);
    const global = path.join(of.directory, 'tls-peers.ini');
    writeFileSync(global, files['tls-peers.ini'].replace('auto', 'auto\naction_on_failure = bounce'));
    await expect(writePlan(of.directory, plan, today)).rejects.toThrow('would not be what was tested');
    expect(readFileSync(path.join(of.directory, file), 'utf8')).toBe(files[file]);
  });

  test('not over what somebody changed meanwhile', async () => {
    const of = install();
    const plan = planned(of, [['ours.example', 'new.example']]);
    writeFileSync(path.join(of.directory, file), `${files[file]}; more\n`);
    await expect(writePlan(of.directory, plan, today)).rejects.toThrow(`${file} has changed meanwhile`);
    expect(readFileSync(path.join(of.directory, file), 'utf8')).toBe(`${files[file]}; more\n`);
  });
});

test('rules that refused whatever came, each as a whole', () => {
  const { settings } = install();
  const refused: Sighting = {
    ...unseen,
    outcome: 'deferred',
    level: 'mandatory',
    reason: 'starttls-not-supported',
  };
  const under = (peer: string, sightings: PeerRecord['sightings']) =>
    recordOf('ours.example', peer, sightings);
  const found = (records: PeerRecord[]) =>
    refusingRules(records, settings, today).map(({ rule, refused: n }) => `${rule} ${n}`);
  expect(found([under('own.example', [[refused, 3]])])).toEqual(['ours.example [outbound Own.Example] 3']);
  expect(
    found([
      under('own.example', [
        [refused, 3],
        [{ ...seen, level: 'mandatory' }, 1],
      ]),
    ]),
  ).toEqual([]);
  // It was another rule that let these go.
  expect(
    found([
      under('own.example', [
        [refused, 3],
        [seen, 1],
      ]),
    ]),
  ).toHaveLength(1);
  expect(found([under('own.example', [[{ ...refused, reason: 'connection-failed' }, 3]])])).toEqual([]);
  // The sender asked for that.
  expect(found([under('own.example', [[{ ...refused, requireTls: 'required' }, 3]])])).toEqual([]);
  const auto: Sighting = { ...refused, level: 'auto' };
  expect(found([under('a.example', [[auto, 3]]), under('b.example', [[seen, 1]])])).toEqual([]);
  expect(found([under('a.example', [[auto, 3]])])).toEqual(['tls-peers.ini [outbound] 3']);
});

describe('sections that ask for less', () => {
  const listed = (of: Readonly<Record<string, string>>, peers: Readonly<Record<string, string[]>> = {}) =>
    exemptions(install(of).settings, new Map(Object.entries(peers)), today).map(
      ({ section, without }) =>
        `${section.name}: ${without.map(({ peer, rule }) => `${peer} ${rule.level} ${rule.name}`).join(', ')}`,
    );

  test('with the rule that would apply without', () => {
    expect(listed(files)).toEqual([
      'ours.example [outbound until.example]: until.example auto tls-peers.ini [outbound]',
      'ours.example [outbound never.example]: never.example auto tls-peers.ini [outbound]',
    ]);
  });

  test('a peer of tls-peers.ini comes back once the file of the domain no longer lists the peer', () => {
    const shared = '[outbound a.example]\nscope = all\nsecurity_level = verify\n';
    const own = '[outbound a.example]\nsecurity_level = none\n';
    expect(listed({ 'tls-peers.ini': shared, [file]: own })).toEqual([
      'ours.example [outbound a.example]: a.example verify tls-peers.ini [outbound a.example]',
    ]);
  });

  test('a wildcard is about the peers that were seen', () => {
    const own =
      '[outbound]\nsecurity_level = mandatory\n[outbound *.a.example]\nsecurity_level = opportunistic\n';
    expect(listed({ [file]: own })).toEqual([]);
    expect(listed({ [file]: own }, { 'ours.example': ['x.a.example', 'a.example'] })).toEqual([
      'ours.example [outbound *.a.example]: x.a.example mandatory ours.example [outbound]',
    ]);
  });
});

describe('all hosts, at every address', () => {
  const attempt = (host: string, address: string, verdict: Attempt['verdict']): Attempt => ({
    host,
    address,
    requirement: '',
    discovered: '',
    tlsVersion: '',
    cipher: '',
    names: '',
    expires: '',
    verdict,
  });
  const goes = { kind: 'goes', tlsVersion: 'TLSv1.3', verified: 'pkix', recorded: [] } as const;
  const unreachable = { kind: 'unreachable', problem: 'connect ENETUNREACH' } as const;
  const both = [attempt('mx1', '192.0.2.1', goes), attempt('mx1', '2001:db8::1', unreachable)];

  test('IPv6 that this machine does not have is no fault of the host, which has IPv4', () => {
    expect(verdictOn(both, { lacksIpv6: true })).toEqual({ kind: 'hold', hosts: 1, unseen: ['2001:db8::1'] });
    expect(verdictOn(both, { lacksIpv6: false })).toMatchObject({ kind: 'fail' });
  });

  test('a host of which nothing was seen', () => {
    const more = [...both, attempt('mx2', '2001:db8::2', unreachable)];
    expect(verdictOn(more, { lacksIpv6: true })).toMatchObject({
      kind: 'fail',
      why: expect.stringContaining('mx2'),
    });
    expect(verdictOn([], { lacksIpv6: true })).toMatchObject({ kind: 'fail' });
  });

  test('cleartext is no pass, where the rule allows it', () => {
    const clear = attempt('mx1', '192.0.2.1', { ...goes, tlsVersion: '' });
    expect(verdictOn([clear], { lacksIpv6: true })).toMatchObject({ kind: 'fail' });
  });
});

describe('the call', () => {
  test.each([
    [['more'], 'unexpected: more'],
    [['--min-days', '0'], '--min-days: a number from 1 is needed'],
    [['--min-messages', 'many'], '--min-messages: a number from 1 is needed'],
    [['--inbound'], "Unknown option '--inbound'"],
    [['--days', 'x'], '--days: no number of days: x'],
  ])('%j is refused', async (args, message) => {
    const { code, err } = await call(['tighten', '-c', install().directory, ...args]);
    expect(code).toBe(2);
    expect(err[0]).toContain(message);
  });

  test('nothing in the record, nothing proposed', async () => {
    const { directory } = install({
      'tls-peers.ini': '[resolver]\nservers = 127.0.0.1:1\n[evidence]\ndirectory = /nonexistent/evidence\n',
    });
    const { code, out } = await call(['tighten', '--json', '-c', directory]);
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      written: false,
      proposals: [],
      left: [],
      passedOver: 0,
    });
    expect(code).toBe(0);
  });

  test('a peer whose hosts cannot be looked up is left, with the reason', async () => {
    const state = configDirectory({});
    const evidence = path.join(state.directory, 'evidence');
    let day = 8;
    const writer = createFileWriter({
      directory: evidence,
      owner: presentOwner(),
      log: silent,
      days: 30,
      maxPeers: 100,
      isNamed: () => false,
      now: () => new Date(Date.parse('2026-06-15T12:00:00Z') - day * 86_400_000),
    });
    const met: Sighting = {
      ...seen,
      strength: 0,
      minimum: 'TLSv1',
      pkix: 'pass',
      mx: 'insecure',
      tlsa: 'none',
      policy: 'none',
    };
    for (; day >= 0; day--) {
      for (let more = 0; more < 8; more++) writer.add(keyOf('ours.example', 'peer.example'), met);
      await writer.flush();
    }
    writer.close();
    const { directory } = install({
      'tls-peers.ini': `[resolver]\nservers = 127.0.0.1:1\n[timeouts]\ndecision = 2\n[evidence]\ndirectory = ${evidence}\n`,
      [file]: '[outbound]\nsecurity_level = auto\n',
    });
    try {
      const before = readFileSync(path.join(directory, file), 'utf8');
      const { code, out } = await call(['tighten', '--write', '--json', '-c', directory]);
      const found = JSON.parse(out.join('\n')) as {
        left: { peer: string; because: string; why: string[] }[];
      };
      expect(found).toMatchObject({ written: false, proposals: [] });
      expect(found.left).toMatchObject([{ peer: 'peer.example', because: 'now' }]);
      expect(found.left[0]?.why.join()).toMatch(/security_level = verify: .*peer\.example/);
      expect(code).toBe(0);
      expect(readFileSync(path.join(directory, file), 'utf8')).toBe(before);
    } finally {
      state.remove();
    }
  }, 30_000);
});

test('a section that would not give the rule that was tested is not written', () => {
  const of = install();
  const one = propose(of, 'ours.example', 'new.example');
  const other: OutboundRule = { ...one.rule, actionOnFailure: 'bounce' };
  expect(() =>
    planSections([{ ...one, rule: other, step: { ...one.step } }], { ...of, today, keys: [one.key] }),
  ).toThrow('would not be what was tested');
});
