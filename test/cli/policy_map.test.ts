/** Imported policy maps against what Postfix does with them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePolicyMap } from '../../src/cli/import/policy_map';
import { rowsFromPolicyMap } from '../../src/cli/import/policy_rows';
import { planImport } from '../../src/cli/peer_rows';
import { utcDay } from '../../src/peers/day';
import { outboundRule } from '../../src/peers/rules';
import { editIni } from '../../src/settings/ini/edit';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';
import { times } from '../support/times';

const today = utcDay(new Date('2026-06-15'));
const names = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));
const levels = {
  none: 'none',
  may: 'opportunistic',
  encrypt: 'mandatory',
  'dane-only': 'mandatory_dane',
} as const;
type Level = keyof typeof levels;
const entries = fc.uniqueArray(
  fc.record({
    key: fc.tuple(fc.constantFrom('', '.'), names).map(([dot, name]) => dot + name),
    level: fc.constantFrom<Level>('none', 'may', 'encrypt', 'dane-only'),
  }),
  { selector: ({ key }) => key, maxLength: 8 },
);

/** postconf(5): the domain itself, then each parent with a dot before it. */
function postfixFinds(map: ReadonlyMap<string, Level>, domain: string): Level | undefined {
  for (let key = domain; ; key = key.slice(key.indexOf('.', 1))) {
    const found = map.get(key);
    if (found !== undefined || key.indexOf('.', 1) === -1) return found;
  }
}

test("mail of whomever is held to the level that Postfix's look-up finds, or to the default", () => {
  const senders = fc.constantFrom('', 'ours.example', 'stranger.example');
  fc.assert(
    fc.property(entries, names, senders, (map, domain, sender) => {
      const text = map.map(({ key, level }) => `${key}\t${level}\n`).join('');
      const { rows, faults, leftOut } = rowsFromPolicyMap('map', text, 'all');
      expect([faults, leftOut]).toEqual([[], []]);
      const ini = editIni('[outbound]\nsecurity_level = verify\n', planImport([], rows, false).edits);
      const loaded = loadSettings(
        memorySource({ 'tls-peers.ini': ini, 'tls-peers/ours.example.ini': '; nothing of its own\n' }),
      );
      expect(loaded.faults).toEqual([]);
      const found = outboundRule(loaded.settings, sender, domain, today);
      const level = postfixFinds(new Map(map.map((one) => [one.key, one.level])), domain);
      expect(found.kind === 'rule' && found.rule.level).toBe(level === undefined ? 'verify' : levels[level]);
    }),
    { numRuns: 300 * times },
  );
});

const pieces = fc.constantFrom(
  'a.example',
  '.a',
  '[a]:25',
  '"',
  '{',
  '}',
  '#',
  ' ',
  '\t',
  '\n',
  '\r\n',
  ',',
  '=',
  'match=',
  'protocols=',
  ':',
  '!',
  '>=',
  'TLSv1.2',
  'secure',
  'encrypt',
  'none',
  'fingerprint',
  'nexthop',
  '\\',
  '\uFEFF',
  '\0',
  'ü',
  '__proto__',
);

test('no text breaks the reader, and whatever it reads has lines of the file', () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('');
      const lines = text.split(/\r\n|\r|\n/).length;
      const { rows, faults, leftOut } = rowsFromPolicyMap('map', text, 'all');
      const told = [...faults, ...leftOut.map(({ fault }) => fault)];
      for (const { line = 0 } of [...rows, ...told]) expect(line >= 1 && line <= lines).toBe(true);
      // No entry is passed over in silence.
      const said = new Set([...rows, ...told].map(({ line }) => line));
      for (const { line, tokens } of parsePolicyMap(text).entries)
        expect([line, ...tokens.map((token) => token.line)].some((at) => said.has(at))).toBe(true);
    }),
    { numRuns: 1000 * times },
  );
});
