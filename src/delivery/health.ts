/** Which peers fail and which recover, so that each change is told once and not once per message. */
import { LRUCache } from 'lru-cache';

export type Transition = 'began_to_fail' | 'recovered' | 'unchanged';

export class PeerHealth {
  /** Only failing peers are kept; the bound keeps a flood of odd recipient domains from growing memory. */
  private readonly failing: LRUCache<string, string>;

  constructor(limit = 10_000) {
    this.failing = new LRUCache({ max: limit });
  }

  /** @param peer whatever names the pair of rule and recipient domain */
  failed(peer: string, reason: string): Transition {
    const known = this.failing.get(peer);
    this.failing.set(peer, reason);
    return known === undefined || known !== reason ? 'began_to_fail' : 'unchanged';
  }

  delivered(peer: string): Transition {
    return this.failing.delete(peer) ? 'recovered' : 'unchanged';
  }
}
