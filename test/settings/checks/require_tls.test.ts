import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

const on = '[inbound]\nrequiretls = true\n';

test.each([
  ['queue/smtp_forward', on, /^queue\/smtp_forward hands mail on without REQUIRETLS/],
  ['queue/smtp_proxy', on, /^queue\/smtp_proxy hands mail on without REQUIRETLS/],
  ['queue/qmail-queue', on, /^queue\/qmail-queue hands mail on without REQUIRETLS/],
  ['queue/lmtp', on, undefined],
  ['queue/smtp_forward', '', undefined],
  ['queue/smtp_forward', '[inbound]\nrequiretls = false\n', undefined],
])('%s, %j', (plugin, ini, expected) => {
  const source = memorySource({ plugins: `tls\n${plugin}\ntls-peers\n`, 'tls-peers.ini': ini });
  const { warnings } = findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-01-01')));
  const about = warnings.filter(({ problem }) => problem.includes('REQUIRETLS'));
  expect(about).toHaveLength(expected === undefined ? 0 : 1);
  if (expected !== undefined) {
    expect(about[0]).toMatchObject({
      file: 'plugins',
      line: 2,
      problem: expect.stringMatching(expected) as string,
    });
  }
});

test('the offer has no effect without what would hold outgoing mail to it', () => {
  const source = memorySource({ plugins: 'tls\ntls-peers/inbound\n', 'tls-peers.ini': on });
  const { warnings } = findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-01-01')));
  expect(warnings.map(({ problem }) => problem)).toContain(
    '[inbound] requiretls has no effect without tls-peers/outbound: what is offered could not be held to',
  );
});

test.each(['maybe', '2', 'enforce'])('requiretls = %s is a fault', (value) => {
  const source = memorySource({
    plugins: 'tls-peers\n',
    'tls-peers.ini': `[inbound]\nrequiretls = ${value}\n`,
  });
  expect(loadSettings(source).faults).toHaveLength(1);
});
