/** docs/requiretls.md names a test for everything that RFC 8689 demands: that test must be there. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const rows = [
  ...readFileSync(path.join(root, 'docs/requiretls.md'), 'utf8').matchAll(
    /^\| ([\d.]+) \| (.+?) \| `(test\/[^`]+)` \| `([^`]+)` \|$/gm,
  ),
].map(([, section = '', what = '', file = '', text = '']) => ({ section, what, file, text }));

test('there is a row for every section that demands something', () => {
  expect([...new Set(rows.map(({ section }) => section))]).toEqual([
    '2',
    '3',
    '4.1',
    '4.2.1',
    '4.2.2',
    '4.3',
    '5',
  ]);
  expect(rows.length).toBeGreaterThanOrEqual(22);
});

test.each(rows)('$section: $what', ({ file, text }) => {
  // A table may have been set wider since.
  const inShort = (whole: string) => whole.replace(/\s+/g, ' ');
  expect(inShort(readFileSync(path.join(root, file), 'utf8'))).toContain(inShort(text));
});
