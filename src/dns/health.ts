/** Remembers which resolvers are ill, so that a question does not start by waiting for a dead one. */

interface Condition {
  consecutive: number;
  illUntil: number;
}

/** One timeout may be the fault of the name asked for; a run of them is the resolver's. */
const timeoutsUntilIll = 3;
const firstIllnessMs = 2_000;
const longestIllnessMs = 60_000;

export class Health<S> {
  readonly #conditions = new Map<S, Condition>();
  readonly #now: () => number;

  /** `now`: a monotonic clock in ms. */
  constructor(servers: readonly S[], now: () => number) {
    this.#now = now;
    for (const server of servers) this.#conditions.set(server, { consecutive: 0, illUntil: 0 });
  }

  /** The resolvers in the order to ask them: the well ones as configured, then the ill ones, soonest recovered first. */
  order(): S[] {
    const now = this.#now();
    const rank = ({ illUntil }: Condition) => (illUntil > now ? illUntil : 0);
    return [...this.#conditions].sort(([, a], [, b]) => rank(a) - rank(b)).map(([server]) => server);
  }

  isIll(server: S): boolean {
    return (this.#conditions.get(server)?.illUntil ?? 0) > this.#now();
  }

  /** An answer of any kind came. */
  well(server: S): void {
    this.#conditions.set(server, { consecutive: 0, illUntil: 0 });
  }

  /** No usable answer came. An illness doubles with every failure, up to a minute. */
  failed(server: S, how: 'timeout' | 'broken'): void {
    const consecutive = (this.#conditions.get(server)?.consecutive ?? 0) + 1;
    const beyond = consecutive - (how === 'timeout' ? timeoutsUntilIll : 1);
    const illUntil =
      beyond < 0 ? 0 : this.#now() + Math.min(longestIllnessMs, firstIllnessMs * 2 ** Math.min(beyond, 10));
    this.#conditions.set(server, { consecutive, illUntil });
  }
}
