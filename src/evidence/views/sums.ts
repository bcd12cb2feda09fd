/** Rows of a view put together. Pure. */

export function sumOver<Row>(rows: readonly Row[], of: (row: Row) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}

/** Counts by name, added up. */
export function countsOver<Row>(
  rows: readonly Row[],
  of: (row: Row) => Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = new Map<string, number>();
  for (const row of rows)
    for (const [name, count] of Object.entries(of(row))) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums);
}
