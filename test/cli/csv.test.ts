import { expect, it } from 'vitest';
import { formatCsv, spreadsheetSafe } from '../../src/cli/csv';

it.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  // As spreadsheets in East Asian locales read them.
  ['＝1+1', "'＝1+1"],
  ['＋1', "'＋1"],
  ['－1', "'－1"],
  ['＠SUM(A1)', "'＠SUM(A1)"],
  ['\t=1+1', '\\u{9}=1+1'],
  ['a@peer.example', 'a@peer.example'],
])('what others chose is no formula: %s', (text, safe) => {
  expect(formatCsv([[spreadsheetSafe(text)]])).toBe(`${safe}\r\n`);
});
