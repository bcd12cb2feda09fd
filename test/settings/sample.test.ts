import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { domainSample, globalSample, renewReference } from '../../src/settings/sample';
import { domainSections, globalSections, type Keys } from '../../src/settings/schema';
import { loadSettings } from '../../src/settings/settings';
import { directorySource } from '../../src/settings/source';
import { warnings } from '../../src/settings/warnings';
import { memorySource } from './memory_source';

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

/** The files below config/ that an example shows, each introduced by a comment with its name. */
function filesOf(example: string): Record<string, string> {
  const parts = example.split(/^; config\/(\S+)$/m).slice(1);
  const names = parts.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(names.map((name, index) => [name, parts[2 * index + 1] ?? '']));
}

test('the examples in the documentation are valid, and lint has nothing to say about them', () => {
  const docs = readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  let files = 0;
  for (const page of ['README.md', ...docs.map((name) => `docs/${name}`)]) {
    for (const [, example = ''] of read(page).matchAll(/```ini\n([^`]*)```/g)) {
      const shown = filesOf(example);
      files += Object.keys(shown).length;
      expect([page, sayingsAbout(shown)]).toEqual([page, []]);
    }
  }
  expect(files).toBeGreaterThanOrEqual(4);
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
  return loadSettings(memorySource(files)).faults;
}

function sayingsAbout(files: Record<string, string>) {
  const { settings, faults } = loadSettings(memorySource(files));
  return [...faults, ...warnings(settings, '2026-06-15')];
}
