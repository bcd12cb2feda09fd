import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalDomain } from '../src/names';

/** The same as one expression. */
const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const canonical = new RegExp(`^(?:${label}\\.)*(?!\\d+$)${label}$`);

test('what is a canonical name stays as it is, whatever else is none or becomes one', () => {
  const character = fc.constantFrom('a', 'z', '0', '9', '-', '_', '.', 'A', ' ', 'ü', '/');
  const anything = fc.array(character, { maxLength: 12 }).map((all) => all.join(''));
  const long = fc
    .tuple(fc.nat(70), fc.nat(270))
    .map(([one, all]) => `${'a'.repeat(one)}.${'b.'.repeat(all / 2)}c`);
  fc.assert(
    fc.property(fc.oneof(anything, long), (text) => {
      const name = canonicalDomain(text);
      const is = text.length <= 253 && canonical.test(text);
      expect(name === text).toBe(is);
      if (name !== undefined) expect(name.length <= 253 && canonical.test(name)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['example.com', 'example.com'],
  ['Example.COM.', 'example.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['_25._tcp.mx.example', '_25._tcp.mx.example'],
  ['a-b.3com.example', 'a-b.3com.example'],
  [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  [`${'a'.repeat(64)}.example`, undefined],
  ['192.0.2.1', undefined],
  ['a..b', undefined],
  ['.a', undefined],
  ['-a.example', undefined],
  ['a-.example', undefined],
  ['a.example-', undefined],
  ['', undefined],
  ['.', undefined],
])('%s is %s', (text, name) => {
  expect(canonicalDomain(text)).toBe(name);
});

test.each([
  'a.example/ü',
  'a.example?ü',
  'a.example#ü',
  'ü.a.example\\x',
  '%61ü.example',
  'ü\t.example',
  'ü@a.example',
])('%j is no name, although a URL would have one in it', { tags: ['regression'] }, (text) => {
  expect(canonicalDomain(text)).toBeUndefined();
});
