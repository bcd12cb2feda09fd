/** Where the suite differs from stock Haraka, and whether the list of differences says why. Pure. */
import { parts, type Behaviour, type Ours, type Part, type Seen } from './behaviour';
import { differences, type Difference } from './differences';

export interface Compared {
  /** Parts that differ for no reason on the list. */
  readonly unexplained: readonly Part[];
  /** Entries of the list that explain a part. */
  readonly reasons: readonly Difference[];
}

export function compare(behaviour: Behaviour, column: Ours, stock: Seen, ours: Seen): Compared {
  const differing = parts.filter((part) => stock[part] !== ours[part]);
  const fitting = differences.filter((one) => applies(one, behaviour, column, stock, ours));
  const covers = (one: Difference, part: Part): boolean => one.parts === 'all' || one.parts.includes(part);
  return {
    unexplained: differing.filter((part) => !fitting.some((one) => covers(one, part))),
    reasons: fitting.filter((one) => differing.some((part) => covers(one, part))),
  };
}

function applies(one: Difference, behaviour: Behaviour, column: Ours, stock: Seen, ours: Seen): boolean {
  if (one.column !== 'both' && one.column !== column) return false;
  if (one.behaviours !== 'any' && !one.behaviours.test(behaviour.name)) return false;
  return (
    (one.stock === 'any' || one.stock.test(stock.outcome)) &&
    (one.ours === 'any' || one.ours.test(ours.outcome))
  );
}

/** Entries that explained nothing. */
export function idle(used: ReadonlySet<Difference>): readonly Difference[] {
  return differences.filter((one) => !used.has(one));
}
