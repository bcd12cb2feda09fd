/** How values of several recipients are told in one line. Pure. */

const few = 6;

type Entry = readonly [name: string, value: string];

/** One value for all, or each with its own, or how many have which. */
export function condensed(entries: readonly Entry[]): string {
  if (new Set(entries.map(([, value]) => value)).size <= 1) return entries[0]?.[1] ?? '-';
  return told(entries, entries.length);
}

/** As `condensed`, of those that have a value; `-` where none has. */
export function condensedOfSome(entries: readonly (readonly [string, string | undefined])[]): string {
  const some = entries.flatMap(([name, value]): Entry[] => (value === undefined ? [] : [[name, value]]));
  if (some.length === 0) return '-';
  return some.length === entries.length ? condensed(some) : told(some, entries.length);
}

function told(entries: readonly Entry[], all: number): string {
  if (all <= few) return entries.map(([name, value]) => `${name}: ${value}`).join(', ');
  const counts = new Map<string, number>();
  for (const [, value] of entries) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => `${count}: ${value}`).join(', ');
}

/** Those of `all` for which `test` holds. */
export function listed(all: readonly string[], test: (name: string) => boolean): string {
  const those = all.filter(test);
  if (those.length === 0) return '-';
  if (those.length === all.length) return 'all';
  return all.length > few ? String(those.length) : those.join(' ');
}
