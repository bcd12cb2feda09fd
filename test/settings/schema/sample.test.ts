import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { domainSample, globalSample, renewReference } from '../../../src/settings/schema/sample';
import { domainSections, globalSections, type Keys } from '../../../src/settings/schema/keys';
import { loadSettings } from '../../../src/settings/load/load';
import { directorySource } from '../../../src/settings/load/source';
import { harakaDirectory } from '../../../haraka-test-harness/haraka_directory';
import { dkimConfig, signingKey } from '../../reports/support/dkim';
import { codeBlocks, documents, type CodeBlock } from '../../support/documents';
import { call, configDirectory } from '../../cli/call';
import { memorySource } from '../memory_source';

const root = path.resolve(import.meta.dirname, '../../..');
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
function filesOf({ text }: CodeBlock): Record<string, string> {
  const [nameless = '', ...parts] = text.split(/^; config\/(\S+)$/m);
  const names = parts.filter((_, index) => index % 2 === 0);
  const named = names.map((name, index) => [name, parts[2 * index + 1] ?? ''] as const);
  if (nameless.trim() !== '') named.push([placeOf(nameless), nameless]);
  return Object.fromEntries(named);
}

/** Where a part without a name belongs by its first section. */
function placeOf(text: string): string {
  const [, section = ''] = /^\[(.*)\]$/m.exec(text) ?? [];
  return section in globalSections ? 'tls-peers.ini' : 'tls-peers/example.com.ini';
}

const examples = documents.flatMap((page) => codeBlocks(page, 'ini'));

test('the documentation has examples', () => expect(examples.length).toBeGreaterThanOrEqual(20));

/** Files of Haraka's own, which lint reads only in part: their keys are those that Haraka's samples or its documents name. */
test.each(examples)('Haraka knows the keys of its own files in $page: $text', (example) => {
  const samples = ofHaraka('config', /\.ini$/) + ofHaraka('docs', /\.md$/);
  for (const [file, text] of Object.entries(filesOf(example))) {
    if (file.startsWith('tls-peers')) continue;
    const keys = [...text.matchAll(/^(\w+)(?:\[\])? *=/gm)].map(([, key = '']) => key);
    // As a sample has it, or a page: `key=`, at the beginning of a line or in a list, or between backticks.
    const isNamed = (key: string) =>
      new RegExp(`^[;#*\\s-]*${key} *[=\\[]|\`${key}[\`= ]`, 'm').test(samples);
    expect(keys.filter((key) => !isNamed(key))).toEqual([]);
  }
});

/** What the text of a page has its reader make beside an example: the DKIM key that reports are signed with. */
const made = dkimConfig('example.com', signingKey('', 1024));

test.each(examples)('lint has nothing to say about the example in $page: $text', async (example) => {
  const { directory, remove } = configDirectory({ ...made, ...filesOf(example) });
  try {
    const { code, out } = await call(['lint', '--offline', '--strict', '-c', directory]);
    expect([code, ...out]).toEqual([0, expect.stringMatching(/^0 faults, 0 warnings in /)]);
  } finally {
    remove();
  }
});

/** The text of all files below a directory of Haraka's whose names match. */
function ofHaraka(directory: string, pattern: RegExp): string {
  const below = path.join(harakaDirectory(), directory);
  const names = readdirSync(below, { recursive: true, encoding: 'utf8' }).filter((name) =>
    pattern.test(name),
  );
  return names.map((name) => readFileSync(path.join(below, name), 'utf8')).join('\n');
}

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
