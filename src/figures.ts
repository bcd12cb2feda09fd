/** Figures that processes count, and how those of several become one. Pure. */

export interface Figure {
  readonly name: string;
  /** From closed sets. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Figures {
  /** That only grow, over all processes that there have been. */
  readonly counters: readonly Figure[];
  /** As it is now, of all processes that there are. */
  readonly gauges: readonly Figure[];
  readonly processes: number;
}

export const noFigures: Figures = { counters: [], gauges: [], processes: 0 };

/** Counts in one process; the labels of one name are always the same ones, from closed sets. */
export class Counters<Name extends string> {
  readonly #counts = new Map<
    string,
    { readonly name: Name; readonly labels: Figure['labels']; value: number }
  >();

  add(name: Name, labels: Figure['labels']): void {
    const key = [name, ...Object.values(labels)].join('\n');
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { name, labels, value: 1 });
    else known.value += 1;
  }

  /** In the order in which they were first counted. */
  snapshot(): (Figure & { readonly name: Name })[] {
    return [...this.#counts.values()].map((count) => ({ ...count }));
  }
}

/** Gauges that begin with `oldest_` are the highest of them; everything else adds up. */
export function summed(all: readonly Figures[]): Figures {
  return {
    counters: total(all.map(({ counters }) => counters)),
    gauges: total(all.map(({ gauges }) => gauges)),
    processes: all.reduce((sum, { processes }) => sum + processes, 0),
  };
}

function total(lists: readonly (readonly Figure[])[]): Figure[] {
  const found = new Map<string, Figure>();
  for (const figure of lists.flat()) {
    const key = [figure.name, ...Object.entries(figure.labels).flat()].join('\n');
    const known = found.get(key);
    found.set(key, known === undefined ? figure : { ...figure, value: joined(known, figure.value) });
  }
  return [...found.values()];
}

function joined({ name, value }: Figure, other: number): number {
  return name.startsWith('oldest_') ? Math.max(value, other) : value + other;
}
