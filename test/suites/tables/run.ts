/**
 * `npm run test:tables`: changes each cell of the DANE table and of the MTA-STS table to every other word of its column, and
 * shows that a test notices it and names the cell. The tests are those of test/policy/design_tables.test.ts.
 *
 * Ends with 0 where every change was noticed, 1 where one was not.
 */
import { daneTable, stsTable } from '../../../src/policy/tables';
import { daneCells, stsCells, type CellCheck } from '../../policy/design_tables';

type Table = Record<string, Record<string, string>>;

const tables: readonly (readonly [name: string, table: Table, checks: readonly CellCheck[]])[] = [
  ['DANE', daneTable as unknown as Table, daneCells],
  ['MTA-STS', stsTable as unknown as Table, stsCells],
];

/** The rows from which the table may point further down. */
const pointing = ['insecure_mx_may', 'insecure_mx_dane', 'secure_alias'];

let changes = 0;
const unnoticed: string[] = [];
const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const [name, table, checks] of tables) {
  for (const { name: cell } of failing(checks)) unnoticed.push(`${cell} fails before anything is changed`);
  say(`${name} table: ${Object.keys(table).length} rows, ${checks.length} cells`);
  for (const row of Object.keys(table)) {
    for (const [column, word] of Object.entries(table[row] ?? {})) {
      const others = wordsOf(table, column).filter((other) => other !== word && mayHold(row, other));
      if (others.length === 0) unnoticed.push(`${row}.${column}: there is no other word`);
      for (const other of others) {
        changes += 1;
        say(`  ${row}.${column}: ${word} -> ${other}: ${noticed(table, checks, { row, column, other })}`);
      }
    }
  }
}

say(`${changes} changes, ${unnoticed.length} of them not noticed.`);
for (const line of unnoticed) say(`Not noticed: ${line}`);
process.exitCode = unnoticed.length === 0 ? 0 : 1;

interface Change {
  readonly row: string;
  readonly column: string;
  readonly other: string;
}

function noticed(table: Table, checks: readonly CellCheck[], { row, column, other }: Change): string {
  const cells = table[row] ?? {};
  const before = cells[column] ?? '';
  cells[column] = other;
  try {
    const failures = failing(checks);
    const own = failures.find((check) => check.row === row && check.column === column);
    if (own !== undefined) return `noticed by "${own.name}"`;
    unnoticed.push(`${row}.${column}: ${before} -> ${other} (${failures.length} other cells fail)`);
    return 'NOT NOTICED';
  } finally {
    cells[column] = before;
  }
}

function failing(checks: readonly CellCheck[]): CellCheck[] {
  return checks.filter(({ check }) => {
    try {
      check();
      return false;
    } catch {
      return true;
    }
  });
}

function mayHold(row: string, word: string): boolean {
  return !word.startsWith('as_below') || pointing.includes(row);
}

/** Every word that any row has in the column. */
function wordsOf(table: Table, column: string): string[] {
  return [...new Set(Object.values(table).map((cells) => cells[column] ?? ''))];
}
