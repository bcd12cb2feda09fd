/** How often a client may offer a credential that is wrong. Pure: time comes in as an argument. */
import { LRUCache } from 'lru-cache';
import { subscriberOf } from '../../peers/network';

/** Wrong ones in a window, and how long that is; milliseconds. */
const most = 5;
const windowMs = 60_000;

/** Clients that are remembered. */
const clients = 10_000;

interface Window {
  failures: number;
  readonly until: number;
}

export class FailedAttempts {
  readonly #windows = new LRUCache<string, Window>({ max: clients });

  /** @returns seconds to wait, 0 where the client may try */
  waitFor(client: string, now: number): number {
    const window = this.#windows.get(subscriberOf(client));
    if (window === undefined || window.failures < most || window.until <= now) return 0;
    return Math.ceil((window.until - now) / 1000);
  }

  failed(client: string, now: number): void {
    const key = subscriberOf(client);
    const window = this.#windows.get(key);
    if (window === undefined || window.until <= now)
      this.#windows.set(key, { failures: 1, until: now + windowMs });
    else window.failures += 1;
  }
}
