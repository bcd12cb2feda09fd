import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashOfBits, hashOfName, suffixesOf, Table } from '../../src/peers/table';

const name = fc
  .array(fc.constantFrom('a', 'b', 'mx', 'example'), { minLength: 1, maxLength: 6 })
  .map((labels) => labels.join('.'));

const hashes: [string, (key: string) => number][] = [
  ['spread keys', hashOfName],
  ['let keys share a bucket', (key) => hashOfName(key) & 3],
  ['are all the same', () => 0x7fffffff],
];
test.each(hashes)('holds what a Map holds where hashes %s', (_, hash) => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 40 }), fc.array(name), (keys, asked) => {
      const map = new Map(keys.map((key, index) => [key, index]));
      const table = new Table(map, hash);
      for (const key of [...keys, ...asked]) expect(table.get(key, hash(key))).toBe(map.get(key));
      expect(new Map(table)).toEqual(map);
      expect([...table.values()].sort()).toEqual([...map.values()].sort());
      expect(table.size).toBe(map.size);
    }),
  );
});

test('the hash of a suffix is that of the name that it is', () => {
  fc.assert(
    fc.property(name, (whole) => {
      const suffixes = suffixesOf(whole);
      const labels = whole.split('.');
      const expected = labels.map((__, index) => labels.slice(index).join('.'));
      expect(suffixes.map(({ from }) => whole.slice(from))).toEqual(expected);
      expect(suffixes.map(({ hash }) => hash)).toEqual(expected.map(hashOfName));
    }),
  );
});

test('neighbouring names and networks do not crowd the same slots', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => i);
  const distinct = (hashed: number[]) => new Set(hashed.map((hash) => hash & 0x1ffff)).size;
  // 50,000 out of 131,072 slots, taken by chance, are 41,600 different ones.
  expect(distinct(many.map((i) => hashOfName(`peer${i}.partner.example`)))).toBeGreaterThan(38_000);
  expect(distinct(many.map((i) => hashOfName(`p.zone${i}.example`)))).toBeGreaterThan(38_000);
  expect(distinct(many.map((i) => hashOfBits((10n << 24n) | BigInt(i))))).toBeGreaterThan(38_000);
  expect(distinct(many.map((i) => hashOfBits(BigInt(i) << 8n)))).toBeGreaterThan(38_000);
  expect(distinct(many.map((i) => hashOfBits((0x20010db8n << 96n) | (BigInt(i) << 64n))))).toBeGreaterThan(
    38_000,
  );
});
