/** What the documents tell a reader to type exists: commands with their options, keys with their values, files. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { describe, expect, test } from 'vitest';
import { harakaDirectory } from '../haraka-test-harness/haraka_directory';
import { name, scripts, version } from '../package.json';
import { commands, commonOptions } from '../src/cli/main';
import { domainSections, globalSections, type Keys } from '../src/settings/schema/keys';
import { codeBlocks, documents, inlineCode, shellCommands, shellWords } from './support/documents';

const root = path.resolve(import.meta.dirname, '..');
const ofHaraka = (file: string) => path.join(harakaDirectory(), file);

interface Call {
  readonly page: string;
  readonly words: readonly string[];
}

/** Lines of blocks that are for a shell, and what the text itself quotes. */
const lines = documents.flatMap((page) => [
  ...codeBlocks(page)
    .filter(({ language }) => language === 'sh' || language === '')
    .flatMap((block) => shellCommands(block))
    .map((text) => ({ page, text })),
  ...inlineCode(page).map((text) => ({ page, text })),
]);

/** Calls of one program, by its first words. */
function callsOf(program: RegExp): Call[] {
  return lines.flatMap(({ page, text }) => {
    const [start] = program.exec(text) ?? [];
    return start === undefined ? [] : [{ page, words: shellWords(text.slice(start.length)) }];
  });
}

/** A log line or a headline that begins with the suite's name is no call. */
const ours = callsOf(
  /^(?:npx --no -- |.*node_modules\/\.bin\/)?tls-peers (?!COMMAND|delivered|deferred|cannot|inbound)/,
);

/** Named by a setting that is there already. */
const announced = new Set(['track']);

describe('tls-peers as the documents call it', () => {
  test('is called often', () => expect(ours.length).toBeGreaterThan(40));

  test.each(ours)('$page: tls-peers $words', ({ words }) => {
    const [first = '', ...rest] = words;
    if (first === '--version' || announced.has(first)) return;
    if (first === 'help') {
      expect(['COMMAND', undefined]).toContain(rest[0]);
      return;
    }
    const command = commands.find((one) => one.name === first);
    expect(command?.name, `no such command: ${first}`).toBe(first);
    const options = { ...commonOptions, ...command?.options };
    expect(() => parseArgs({ args: rest, options, allowPositionals: true, strict: true })).not.toThrow();
  });

  test('in blocks for a shell, by the name that a shell finds', () => {
    const bare = documents.flatMap((page) =>
      codeBlocks(page, 'sh')
        .flatMap(shellCommands)
        .filter((line) => /^tls-peers /.test(line)),
    );
    expect(bare).toEqual([]);
  });

  test('each command and each of its options has a word in the docs', () => {
    const page = documents.map((one) => readFileSync(path.join(root, one), 'utf8')).join('\n');
    const missing = commands.flatMap((command) =>
      [`tls-peers ${command.name}`, ...Object.keys(command.options).map((option) => `--${option}`)]
        .filter((word) => !page.includes(word) && !page.includes(`\`${command.name}`))
        .map((word) => `${command.name}: ${word}`),
    );
    expect(missing).toEqual([]);
  });
});

test('every script that is named is one of package.json', () => {
  const called = callsOf(/^npm run /).map(({ words: [script = ''] }) => script);
  expect(called.length).toBeGreaterThan(20);
  expect(called.filter((script) => !(script in scripts))).toEqual([]);
});

test('every file of the project that is run is there', () => {
  const called = [...callsOf(/^npx tsx /), ...callsOf(/^bash /)].map(({ words: [file = ''] }) => file);
  expect(called.length).toBeGreaterThan(0);
  expect(called.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
});

test('every option of haraka is one that it knows', () => {
  const program = readFileSync(ofHaraka('bin/haraka'), 'utf8');
  const options = callsOf(/^haraka /).flatMap(({ words }) => words.filter((word) => word.startsWith('-')));
  expect(options.length).toBeGreaterThan(5);
  const isKnown = (option: string) =>
    new RegExp(`^\\s+'?${option.replace(/^-+/, '')}'?: `, 'm').test(program);
  expect(options.filter((option) => !isKnown(option))).toEqual([]);
});

test('a tarball is named as npm pack names it, or is a later one', () => {
  const named = lines.flatMap(({ text }) => [...text.matchAll(/haraka-plugin-tls-peers-(\d\S*)\.tgz/g)]);
  const versions = named.map(([, of = '']) => of);
  expect(versions).toContain(version);
  expect(versions.filter((of) => of < version)).toEqual([]);
  expect(name).toBe('haraka-plugin-tls-peers');
});

/** Every key by its name, in each section that has it. */
const keysOfSuite = new Map<string, { section: string; key: Keys[string] }[]>();
for (const sections of [globalSections, domainSections]) {
  for (const [section, { keys }] of Object.entries<{ keys: Keys }>(sections)) {
    for (const [key, spec] of Object.entries(keys)) {
      keysOfSuite.set(key, [...(keysOfSuite.get(key) ?? []), { section, key: spec }]);
    }
  }
}

/** Keys of Haraka's, of Postfix's where it is compared with, and the word for any. */
const keysOfOthers = new Set([
  'key',
  'enable_outbound',
  'enable_tls',
  'excluded_plugins',
  'local_mx_ok',
  'nodes',
  'from_dns',
  'in_flow_delay',
  'smtp_tls_dane_insecure_mx_policy',
  'smtp_tls_security_level',
  'force_tls_hosts',
  'no_tls_hosts',
  'minVersion',
  'maxVersion',
  'disable_for_failed_hosts',
]);

interface Setting {
  readonly page: string;
  readonly section: string;
  readonly key: string;
  readonly value: string | undefined;
}

const settings: readonly Setting[] = documents.flatMap((page) =>
  inlineCode(page).flatMap((code) => {
    const [, section = '', key = '', value] =
      /^(?:\[(\w+)\] )?([A-Za-z_]+)(?:\[\])?(?: = (.+))?$/.exec(code) ?? [];
    return key === '' || (section === '' && value === undefined) ? [] : [{ page, section, key, value }];
  }),
);

describe('settings in the text', () => {
  test('are there', () => expect(settings.length).toBeGreaterThan(50));

  test.each(settings)('$page: [$section] $key = $value', ({ section, key, value }) => {
    if (keysOfOthers.has(key)) return;
    const places = (keysOfSuite.get(key) ?? []).filter((one) => section === '' || one.section === section);
    expect(places, 'no such key').not.toEqual([]);
    if (value === undefined || /^[A-Z]+$/.test(value)) return;
    const words = value.split(/, /);
    expect(places.some((one) => words.every((word) => one.key.type.read(word).kind === 'value'))).toBe(true);
  });
});

/** Of Haraka, and made by people rather than shipped. */
const madeByPeople = new Set([
  'config/me',
  'config/queue_dir',
  'config/fleet.key',
  'config/redis.ini',
  'config/tls_key.pem',
  'config/tls_cert.pem',
  'config/tls',
  'config/dkim/example.com',
]);

test('every file below config/ is one of the suite or one of Haraka', () => {
  const named = lines.flatMap(({ page, text }) =>
    [...text.matchAll(/(?<![\w/])config\/[\w./<>-]*|(?<![\w/.])[\w-]+\.ini/g)].map(([file]) => ({
      page,
      file,
    })),
  );
  expect(named.length).toBeGreaterThan(50);
  const unknown = named.filter(({ file }) => {
    const below = file.startsWith('config/') ? file : `config/${file}`;
    if (/^config\/(?:$|tls-peers(?:\.ini|\/|$))/.test(below)) return false;
    if (madeByPeople.has(below.replace(/\/.*?$/, (end) => (end === '/' ? '' : end)).replace(/\/$/, '')))
      return false;
    return !existsSync(ofHaraka(below));
  });
  expect(unknown).toEqual([]);
});

test('whatever a directory of the suite is called, the page on production makes, mounts and lets it be written', () => {
  const directories = Object.values<{ keys: Keys }>(globalSections)
    .map(({ keys }) => keys['directory']?.initial ?? '')
    .filter((directory) => directory !== '');
  expect(directories.length).toBeGreaterThan(1);
  const blocks = (language: string) =>
    codeBlocks('docs/production.md', language)
      .map(({ text }) => text)
      .join('\n');
  const [made = ''] = /^install -d .*$/m.exec(blocks('sh')) ?? [];
  const [writable = ''] = /^ReadWritePaths=.*$/m.exec(blocks('systemd')) ?? [];
  for (const directory of ['queue', ...directories]) {
    const where = `/srv/haraka/${directory}`;
    expect(`${made} `).toContain(` ${where} `);
    expect(`${writable} `).toMatch(new RegExp(`[ =]${where} `));
    expect(blocks('yaml')).toMatch(new RegExp(`:${where}$`, 'm'));
  }
});
