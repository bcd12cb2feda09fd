import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { loadSettings } from '../../../src/settings/load/load';
import { openSettings } from '../../../src/settings/reload/settings_store';
import { silent } from '../../../src/log';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

const mandatory = { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n' };
const opportunistic = { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = opportunistic\n' };

test.each([
  ['smtp_proxy takes outgoing mail', 'queue/smtp_proxy', {}, mandatory, 1],
  [
    'unless it is told not to',
    'queue/smtp_proxy',
    { 'smtp_proxy.ini': 'enable_outbound=false\n' },
    mandatory,
    0,
  ],
  ['smtp_forward leaves it', 'queue/smtp_forward', {}, mandatory, 0],
  [
    'unless it is told not to',
    'queue/smtp_forward',
    { 'smtp_forward.ini': 'enable_outbound=true\n' },
    mandatory,
    1,
  ],
  [
    'one domain does not make it take others',
    'queue/smtp_forward',
    { 'smtp_forward.ini': '[a.example]\nenable_outbound=true\n' },
    mandatory,
    0,
  ],
  ['qmail-queue takes it', 'queue/qmail-queue', {}, mandatory, 1],
  ['lmtp goes through the queue', 'queue/lmtp', {}, mandatory, 0],
  ['a comment is no plugin', '#queue/smtp_proxy', {}, mandatory, 0],
  ['no rule, nothing to pass by', 'queue/smtp_proxy', {}, {}, 0],
  ['nothing is lost at opportunistic', 'queue/smtp_proxy', {}, opportunistic, 0],
  [
    'unless cleartext is never a fallback',
    'queue/smtp_proxy',
    {},
    { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = may\ncleartext_fallback = never\n' },
    1,
  ],
  [
    'nothing is lost where rules are watched only',
    'queue/smtp_proxy',
    {},
    { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\nenforcement = monitor\n' },
    0,
  ],
  [
    'the rule of all domains counts',
    'queue/smtp_proxy',
    {},
    { 'tls-peers.ini': '[outbound]\nsecurity_level = verify\n' },
    1,
  ],
] as const)('%s: %s', (_what, plugin, haraka, rules, count) => {
  const source = memorySource({ plugins: `tls\n${plugin}\ntls-peers\n`, ...haraka, ...rules });
  const { warnings } = findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-01-01')));
  expect(warnings).toHaveLength(count);
  for (const one of warnings) expect(one).toMatchObject({ file: 'plugins', line: 2 });
});

test('a Haraka that starts says it too', () => {
  const warned: string[] = [];
  const source = memorySource({ plugins: 'queue/smtp_proxy\n', ...mandatory });
  openSettings(source, { ...silent, warn: (line) => warned.push(line) }).close();
  expect(warned).toEqual([
    expect.stringMatching(/^plugins:1: queue\/smtp_proxy sends .* ours\.example \[outbound\] included/),
  ]);
});

test('the warning tells what becomes of such mail, unless it is only warned of', () => {
  const warning = (global: string) => {
    const files = { plugins: 'queue/smtp_proxy\ntls-peers\n', 'tls-peers.ini': global, ...mandatory };
    const source = memorySource(files);
    return findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-01-01'))).warnings[0]
      ?.problem;
  };
  expect(warning('')).toContain('such mail is refused with 450 4.7.0');
  expect(warning('[outbound]\npast_the_queue = warn\n')).not.toContain('refused');
});

test('past_the_queue is for the global file, and one of two values', () => {
  const faults = (files: Record<string, string>) =>
    loadSettings(memorySource(files)).faults.map(({ key, allowed }) => [key, allowed]);
  expect(faults({ 'tls-peers.ini': '[outbound]\npast_the_queue = let\n' })).toEqual([
    ['past_the_queue', 'refuse, warn'],
  ]);
  expect(faults({ 'tls-peers/a.example.ini': '[outbound]\npast_the_queue = warn\n' })).toHaveLength(1);
});
