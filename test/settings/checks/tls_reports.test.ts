import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { tlsReportsInPart } from '../../../src/settings/checks/tls_reports';
import { loadSettings } from '../../../src/settings/load/load';
import { formatFault } from '../../../src/settings/schema/fault';
import { memorySource } from '../memory_source';

const [organization, contact, from] = [
  'organization = Ours',
  'contact = a@ours.example',
  'from = b@ours.example',
];
const said = (where: string, missing: string) =>
  `tls-peers.ini:${where}: no TLS report is sent, and nothing is counted for one, without ${missing}`;

test.each([
  [[], []],
  [['receive = tls@ours.example'], []],
  [[organization, contact, from], []],
  [[from, organization], [said('3: [tls_reports]: organization = Ours', 'contact')]],
  [[from], [said('2: [tls_reports]: from = b@ours.example', 'organization and contact')]],
  [[contact], [said('2: [tls_reports]: contact = a@ours.example', 'organization and from')]],
])('of %j it is said: %j', (keys, expected) => {
  const source = memorySource({ 'tls-peers.ini': ['[tls_reports]', ...keys, ''].join('\n') });
  const { settings, faults } = loadSettings(source);
  expect(faults).toEqual([]);
  const found = tlsReportsInPart({ source, settings, today: utcDay(new Date()) });
  expect(found.map(formatFault)).toEqual(expected);
});
