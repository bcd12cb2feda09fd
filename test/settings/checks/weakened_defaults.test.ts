import { expect, test } from 'vitest';
import { loadSettings } from '../../../src/settings/load/load';
import { allFindings } from '../../../src/settings/checks/checks';
import { findingsForLog } from '../../../src/settings/checks/logged';
import { utcDay } from '../../../src/peers/day';
import { formatFault } from '../../../src/settings/schema/fault';
import { memorySource } from '../memory_source';

function said(files: Record<string, string>, find = findingsForLog): string[] {
  const source = memorySource(files);
  const { settings, faults } = loadSettings(source);
  expect(faults).toEqual([]);
  const seen = { files: { settings, source, today: utcDay(new Date('2026-06-15')) } };
  return find(seen)
    .map(({ fault }) => formatFault(fault))
    .filter((line) => line.includes('scope = all'));
}

const strict = { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n' };
const open = (keys: string) => ({ 'tls-peers.ini': `[outbound peer.example]\n${keys}`, ...strict });
const warning =
  'permits cleartext for mail from ours.example, where the default of the managed domain does not (scope = all)';

test.each([
  ['scope = all\nsecurity_level = may\n', `:3: [outbound peer.example]: security_level: ${warning}`],
  ['scope = all\nsecurity_level = auto\n', `:3: [outbound peer.example]: security_level: ${warning}`],
  ['scope = all\nenforcement = monitor\n', `:3: [outbound peer.example]: enforcement = monitor: ${warning}`],
  ['scope = unmanaged\nsecurity_level = may\n', ''],
  ['security_level = may\n', ''],
  ['scope = all\nsecurity_level = may\nstatus = disabled\n', ''],
  ['scope = all\nsecurity_level = may\nexempt_until = 2026-06-14\n', ''],
  ['scope = all\nsecurity_level = dane-only\n', ''],
  ['scope = all\nsecurity_level = may\ncleartext_fallback = never\n', ''],
  ['scope = all\nmin_tls_version = 1.3\n', ''],
])('where a default is mandatory, %j in tls-peers.ini: %s', (keys, expected) => {
  const wanted = expected === '' ? [] : [`tls-peers.ini${expected}`];
  for (const find of [allFindings, findingsForLog]) expect(said(open(keys), find)).toEqual(wanted);
});

test('a domain that lists the peer, is disabled, or has a default that permits cleartext is not named', () => {
  const files = {
    'tls-peers.ini': '[outbound x.peer.example]\nscope = all\nsecurity_level = may\n',
    'tls-peers/a.example.ini': '[outbound]\nsecurity_level = mandatory\n[outbound *.example]\n',
    'tls-peers/b.example.ini':
      '[outbound]\nsecurity_level = mandatory\n[outbound x.peer.example]\nstatus = disabled\n',
    'tls-peers/c.example.ini': 'status = disabled\n[outbound]\nsecurity_level = mandatory\n',
    'tls-peers/d.example.ini': '[outbound]\nsecurity_level = auto\n',
    'tls-peers/e.example.ini': '[outbound]\nsecurity_level = none\nexempt_until = 2026-06-14\n',
  };
  expect(said(files)).toEqual([]);
  const [line] = said({
    ...files,
    ...strict,
    'tls-peers/z.example.ini': strict['tls-peers/ours.example.ini'],
  });
  expect(line).toContain('mail from ours.example and 1 more, where');
});

test('a default that is inherited counts as that of the domain', () => {
  const files = {
    'tls-peers.ini':
      '[outbound]\nsecurity_level = mandatory\n[outbound *.peer.example]\nscope = all\nsecurity_level = may\n',
    'tls-peers/ours.example.ini': '; nothing of its own\n',
  };
  expect(said(files)).toHaveLength(1);
});

test.each([
  ['192.0.2.0/24', '', 1],
  ['192.0.2.0/24', '[inbound 192.0.0.0/16]\n', 0],
  ['192.0.2.0/24', '[inbound 192.0.2.0/24]\nstatus = disabled\n', 0],
  ['192.0.2.0/24', '[inbound 192.0.2.0/25]\n', 1],
  ['192.0.2.0/24', '[inbound 198.51.100.0/24]\n', 1],
  ['2001:db8::1', '[inbound 2001:db8::/32]\n', 0],
  ['2001:db8::1', '[inbound 192.0.2.1]\n', 1],
  ['*.peer.example', '[inbound *.example]\n', 0],
  ['*.peer.example', '[inbound x.peer.example]\n', 1],
])('inbound, a peer %s of all domains beside %j of the domain is found %i times', (peer, own, times) => {
  const files = {
    'tls-peers.ini': `[inbound ${peer}]\nscope = all\nsecurity_level = may\n`,
    'tls-peers/ours.example.ini': `[inbound]\nsecurity_level = mandatory\n${own}`,
  };
  expect(said(files)).toHaveLength(times);
});

test('of a long list, some are told and the others counted', () => {
  const sections = Array.from(
    { length: 50 },
    (_, i) => `[outbound p${i}.example]\nscope = all\nsecurity_level = may\n`,
  );
  const lines = said({ 'tls-peers.ini': sections.join(''), ...strict });
  expect([lines.length, lines.at(-1)]).toEqual([
    21,
    'tls-peers.ini: and 30 more sections with scope = all that permit cleartext where the default of a managed domain does not',
  ]);
});

test('20,000 peers and 500 strict domains are looked through in seconds', () => {
  const sections = Array.from(
    { length: 20_000 },
    (_, i) => `[outbound p${i}.example]\nscope = all\nsecurity_level = may\ncomment = ${i}\n`,
  );
  const domains = Array.from({ length: 500 }, (_, i): [string, string] => [
    `tls-peers/d${i}.example.ini`,
    '[outbound]\nsecurity_level = mandatory\n',
  ]);
  const source = memorySource({ 'tls-peers.ini': sections.join(''), ...Object.fromEntries(domains) });
  const { settings } = loadSettings(source);
  const before = performance.now();
  findingsForLog({ files: { settings, source, today: utcDay(new Date('2026-06-15')) } });
  expect(performance.now() - before).toBeLessThan(5_000);
});
