import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { domainSample, globalSample, renewReference } from '../../src/settings/sample';
import { domainSections, globalSections, type Keys } from '../../src/settings/schema';
import { loadSettings } from '../../src/settings/settings';
import { directorySource } from '../../src/settings/source';

const root = path.resolve(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');

test('the shipped files are those that the schema gives (npx tsx scripts/settings.ts renews them)', async () => {
  expect(read('config/tls-peers.ini')).toBe(globalSample());
  expect(read('config/tls-peers/example.com.ini')).toBe(domainSample());
  const page = read('docs/configuration.md');
  expect(page).toBe(await format(renewReference(page), { parser: 'markdown', printWidth: 110 }));
});

test('the shipped files are valid, and change nothing', () => {
  const { settings, faults } = loadSettings(directorySource(path.join(root, 'config')));
  expect(faults).toEqual([]);
  expect(settings.global.outbound.values).toEqual({});
  expect([...settings.domains.keys()]).toEqual(['example.com']);
});

test('the sample files stay valid with every key that shows a default switched on', () => {
  const on = (text: string) => text.replaceAll(/^;(\w+ = .+)$/gm, '$1').replaceAll(/^;(\[.+\])$/gm, '$1');
  const faults = faultsOf({
    'tls-peers.ini': on(globalSample()),
    'tls-peers/example.com.ini': on(domainSample()).replace(';mx =', 'mx = mx.example.com'),
  });
  expect(faults).toEqual([]);
});

test('the examples in the documentation are valid', () => {
  const blocks = [...read('docs/configuration.md').matchAll(/```ini\n; config\/(\S+)\n([^`]*)```/g)];
  expect(blocks.length).toBeGreaterThanOrEqual(2);
  expect(faultsOf(Object.fromEntries(blocks.map(([, name = '', text = '']) => [name, text])))).toEqual([]);
});

const everyKey = [...Object.values(globalSections), ...Object.values(domainSections)].flatMap(({ keys }) =>
  Object.entries<Keys[string]>(keys),
);

test('every default is a value that its own key accepts', () => {
  for (const [name, key] of everyKey) {
    if (key.initial !== '') expect([name, key.type.read(key.initial).kind]).toEqual([name, 'value']);
  }
});

test('every key says what it means', () => {
  for (const [name, key] of everyKey) expect(`${name}: ${key.meaning}`).toMatch(/: .{10,}\.$/);
});

function faultsOf(files: Record<string, string>) {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-sample-'));
  try {
    mkdirSync(path.join(directory, 'tls-peers'));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text);
    return loadSettings(directorySource(directory)).faults;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
