import { expect, test } from 'vitest';
import type { Day } from '../../../src/peers/day';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

test.each([
  ['', []],
  ['[tls_reports]\norganization = A\ncontact = a@b.example\nfrom = a@b.example\n', []],
  ['[tls_reports]\norganization = A\n', ['contact is not set: no TLS report is sent without it']],
  [
    '[tls_reports]\norganization = A\ncontact = a@b.example\n',
    ['from is not set: no TLS report is sent without it'],
  ],
  [
    '[tls_reports]\nreceive = a@elsewhere.example\n',
    ['receive a@elsewhere.example is at no managed domain: check that its mail comes to this Haraka'],
  ],
])('%j is found wanting: %j', (text, wanted) => {
  const source = memorySource({ 'tls-peers.ini': text });
  const { warnings } = findingsIn(source, loadSettings(source).settings, '2026-11-01' as Day);
  const found = warnings.filter(({ section }) => section === 'tls_reports');
  expect(found.map(({ key, problem }) => `${key} ${problem}`)).toEqual(wanted);
});
