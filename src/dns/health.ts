/** Which resolvers are healthy, so that a question does not start by waiting for a dead one. */

interface Condition {
  consecutive: number;
  unhealthyUntil: number;
}

/** One timeout may be the fault of the name asked for; a run of them is the resolver's. */
const timeoutsUntilUnhealthy = 3;
const firstPauseMs = 2_000;
const longestPauseMs = 60_000;

export class Health<S> {
  readonly #conditions = new Map<S, Condition>();
  /** Those that became unhealthy, and have not answered since. */
  readonly #gone = new Set<S>();
  readonly #now: () => number;
  readonly #onChange: () => void;

  /**
   * @param now a monotonic clock in ms
   * @param onChange called when a resolver becomes unhealthy, and when it answers again
   */
  constructor(servers: readonly S[], now: () => number, onChange: () => void = () => undefined) {
    this.#now = now;
    this.#onChange = onChange;
    for (const server of servers) this.#conditions.set(server, { consecutive: 0, unhealthyUntil: 0 });
  }

  /** The resolvers in the order to ask them: the healthy ones as configured, then the unhealthy ones, soonest recovered first. */
  order(): S[] {
    const now = this.#now();
    const rank = ({ unhealthyUntil }: Condition) => (unhealthyUntil > now ? unhealthyUntil : 0);
    return [...this.#conditions].sort(([, a], [, b]) => rank(a) - rank(b)).map(([server]) => server);
  }

  isUnhealthy(server: S): boolean {
    return (this.#conditions.get(server)?.unhealthyUntil ?? 0) > this.#now();
  }

  /** Whether it became unhealthy and has not answered since, be it asked again meanwhile or not. */
  isGone(server: S): boolean {
    return this.#gone.has(server);
  }

  /** An answer of any kind came. */
  answered(server: S): void {
    this.#conditions.set(server, { consecutive: 0, unhealthyUntil: 0 });
    if (this.#gone.delete(server)) this.#onChange();
  }

  /** No usable answer came. The time for which it counts as unhealthy doubles with every failure, up to a minute. */
  failed(server: S, how: 'timeout' | 'broken'): void {
    const consecutive = (this.#conditions.get(server)?.consecutive ?? 0) + 1;
    const beyond = consecutive - (how === 'timeout' ? timeoutsUntilUnhealthy : 1);
    const unhealthyUntil =
      beyond < 0 ? 0 : this.#now() + Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(beyond, 10));
    this.#conditions.set(server, { consecutive, unhealthyUntil });
    if (beyond < 0 || this.#gone.has(server)) return;
    this.#gone.add(server);
    this.#onChange();
  }
}
