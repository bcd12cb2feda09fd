/** Which rules a counted message would fall under, where the record does not hold what decides it. */
import { afterEach, expect, it } from 'vitest';
import { otherPeers, type PeerKey } from '../../src/evidence/day_table';
import { changesBetween } from '../../src/cli/rule_changes';
import { parseDay, type Day } from '../../src/peers/day';
import { loadSettings } from '../../src/settings/load/load';
import { directorySource } from '../../src/settings/load/source';
import { configDirectory } from './call';

const today = parseDay('2026-06-15') as Day;
const removals: (() => void)[] = [];
afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

function settingsOf(files: Readonly<Record<string, string>>) {
  const { directory, remove } = configDirectory(files);
  removals.push(remove);
  return loadSettings(directorySource(directory)).settings;
}

function levels(before: string, after: string, key: PeerKey) {
  const [was, is] = [before, after].map((text) => settingsOf({ 'tls-peers/ours.example.ini': text }));
  if (was === undefined || is === undefined) throw new Error('two are loaded');
  const change = changesBetween(was, is, today)(key);
  if (change === 'unchanged') return change;
  return [change.after, ...(change.orElse ?? [])].map(({ level }) => level);
}

const inbound = (peer: string): PeerKey => ({ managed: 'ours.example', direction: 'in', peer });
const outbound = (peer: string): PeerKey => ({ managed: 'ours.example', direction: 'out', peer });

it.each<[string, string, string, PeerKey, unknown]>([
  [
    'a network that gets a section',
    '',
    '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
    inbound('a.example'),
    ['opportunistic', 'mandatory'],
  ],
  [
    'a network whose section is there already',
    '[inbound 192.0.2.0/24]\nsecurity_level = opportunistic\n',
    '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
    inbound('a.example'),
    'unchanged',
  ],
  [
    'the network itself',
    '[inbound 192.0.2.0/24]\nsecurity_level = opportunistic\n',
    '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
    inbound('192.0.2.0/24'),
    ['mandatory'],
  ],
  [
    'a smaller one in it',
    '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
    '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n\n[inbound 192.0.2.0/25]\nsecurity_level = opportunistic\n',
    inbound('192.0.2.0/24'),
    ['opportunistic', 'mandatory'],
  ],
  [
    'a network without its section',
    '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
    '[inbound a.example]\nsecurity_level = mandatory\n',
    inbound('192.0.2.0/24'),
    ['opportunistic', 'mandatory'],
  ],
  [
    'others, of whom one is named now',
    '',
    '[inbound a.example]\nsecurity_level = mandatory\n',
    inbound(otherPeers),
    ['opportunistic', 'mandatory'],
  ],
  [
    'others, below a wildcard that was there',
    '[outbound *.a.example]\nsecurity_level = verify\n',
    '[outbound]\nsecurity_level = mandatory\n\n[outbound *.a.example]\nsecurity_level = verify\n',
    outbound(otherPeers),
    ['mandatory', 'verify'],
  ],
  [
    'others, where all is as it was for them',
    '[outbound *.a.example]\nsecurity_level = verify\n\n[outbound b.example]\nsecurity_level = auto\n',
    '[outbound *.a.example]\nsecurity_level = verify\n\n[outbound b.example]\nsecurity_level = mandatory\n',
    outbound(otherPeers),
    'unchanged',
  ],
])('%s', (_name, before, after, key, expected) => {
  expect(levels(before, after, key)).toEqual(expected);
});

it('mail of a domain that becomes managed was counted as of none', () => {
  const before = settingsOf({ 'tls-peers.ini': '' });
  const after = settingsOf({ 'tls-peers/new.example.ini': '[outbound]\nsecurity_level = mandatory\n' });
  const change = changesBetween(before, after, today)({ managed: '', direction: 'out', peer: 'a.example' });
  expect(change).toMatchObject({ after: { level: 'auto' }, orElse: [{ level: 'mandatory' }] });
});
