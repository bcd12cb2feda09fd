import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

const rule = (text: string) => ({ 'tls-peers/ours.example.ini': text });
const mandatory = rule('[inbound 203.0.113.0/24]\nsecurity_level = mandatory\n');
const tls = (text: string) => ({ 'tls.ini': text });
const redis = tls('[main]\n[redis]\ndisable_for_failed_hosts = true\n');

test.each([
  ['hosts that are not offered STARTTLS', tls('[no_tls_hosts]\n192.0.2.1=true\n'), mandatory, ['tls.ini:1']],
  ['ports at which it is not offered', tls('[main]\nno_starttls_ports[]=2525\n'), mandatory, ['tls.ini:2']],
  ['hosts whose handshake failed once', redis, mandatory, ['tls.ini:3']],
  ['nothing of the kind', tls('[main]\n[redis]\ndisable_for_failed_hosts = false\n'), mandatory, []],
  ['no rule that could not be met', redis, rule('[inbound]\nsecurity_level = opportunistic\n'), []],
  [
    'a rule that is only watched',
    redis,
    rule('[inbound]\nsecurity_level = mandatory\nenforcement = monitor\n'),
    [],
  ],
  [
    'a domain that is disabled',
    redis,
    rule('status = disabled\n[inbound]\nsecurity_level = mandatory\n'),
    [],
  ],
  ['delay_deny', { plugins: 'tls\ndelay_deny\ntls-peers\n' }, mandatory, ['plugins:2']],
  [
    'delay_deny that is told to leave us alone',
    { plugins: 'delay_deny\n', 'delay_deny.ini': 'excluded_plugins = karma, tls-peers\n' },
    mandatory,
    [],
  ],
  [
    'delay_deny that concerns others',
    { plugins: 'delay_deny\n', 'delay_deny.ini': 'included_plugins = karma\n' },
    mandatory,
    [],
  ],
] as const)('%s', (_what, haraka, rules, places) => {
  const source = memorySource({ ...haraka, ...rules });
  const { warnings } = findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-01-01')));
  const found = warnings.filter(({ problem }) => /offer STARTTLS|delay_deny/.test(problem));
  expect(found.map(({ file, line }) => `${file}:${line}`)).toEqual(places);
});
