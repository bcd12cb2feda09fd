import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

const registering = (hook: string, priority: string) =>
  `exports.register = function () {\n  this.register_hook('${hook}', 'go'${priority});\n};\n`;

test.each([
  ['early\ntls-peers\n', registering('send_email', ', -100'), '1: early above'],
  ['early\ntls-peers/outbound\n', registering('queue_outbound', ', -100'), '1: early above'],
  ['early\ntls-peers/inbound\n', registering('send_email', ', -100'), ''],
  ['early\ntls-peers/inbound\n', registering('rcpt', ', -100'), '1: early above'],
  ['tls-peers\nearly\n', registering('send_email', ', -100'), ''],
  ['tls-peers\nearly\n', registering('send_email', ', -101'), '2: early'],
  ['early\ntls-peers\n', registering('send_email', ', -99'), ''],
  ['early\ntls-peers\n', registering('send_email', ''), ''],
  ['early\ntls-peers\n', registering('get_mx', ', -200'), ''],
  ['early\n', registering('send_email', ', -200'), ''],
])('plugins %j, of which one says %j', (plugins, source, expected) => {
  const files = memorySource({ plugins, '../plugins/early.js': source });
  const { settings } = loadSettings(files);
  const { warnings } = findingsIn(files, settings, utcDay(new Date('2026-01-01')));
  const found = warnings.filter(({ problem }) => problem.includes('asks to be first'));
  const told = found.map(
    ({ line, mend }) => `${line}: early${mend?.kind === 'write' && mend.above === 'early' ? ' above' : ''}`,
  );
  expect(told.join()).toBe(expected);
});
