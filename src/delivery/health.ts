/** Which peers fail and which recover, so that each change is told once and not once per message. */
import { LRUCache } from 'lru-cache';

export type Transition = 'began_to_fail' | 'recovered' | 'unchanged';

export class PeerHealth {
  /** Only failing peers are kept; the bound keeps a flood of odd recipient domains from growing memory. */
  readonly #failing: LRUCache<string, ReadonlySet<string>>;

  constructor(limit = 10_000) {
    this.#failing = new LRUCache({ max: limit });
  }

  /**
   * A reason is news once: hosts of equal preference are tried in any order, and would take turns in failing first.
   *
   * @param peer whatever names the pair of rule and recipient domain
   */
  failed(peer: string, reason: string): Transition {
    const known = this.#failing.get(peer) ?? new Set();
    if (known.has(reason)) return 'unchanged';
    this.#failing.set(peer, new Set([...known, reason]));
    return 'began_to_fail';
  }

  delivered(peer: string): Transition {
    return this.#failing.delete(peer) ? 'recovered' : 'unchanged';
  }
}
