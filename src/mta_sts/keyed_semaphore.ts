/**
 * Bounds the policy fetches that are connected at a time: in all, and to one address. The second bound keeps a dead host
 * that many domains point at from using up the first, so that fetches for other domains go on.
 */
export interface Gate {
  /**
   * Waits for a place.
   *
   * @returns what gives the place back.
   * @throws the reason of `signal` where that is aborted first.
   */
  enter(address: string, signal: AbortSignal): Promise<() => void>;
}

export interface GateLimits {
  readonly total: number;
  readonly perAddress: number;
}

interface Waiting {
  readonly address: string;
  readonly admit: () => void;
}

export function createGate(limits: GateLimits): Gate {
  const inside = new Map<string, number>();
  const queue = new Set<Waiting>();
  let total = 0;

  const isFree = (address: string) => total < limits.total && (inside.get(address) ?? 0) < limits.perAddress;

  function take(address: string): () => void {
    total++;
    inside.set(address, (inside.get(address) ?? 0) + 1);
    let held = true;
    return () => {
      if (held) leave(address);
      held = false;
    };
  }

  function leave(address: string): void {
    total--;
    const left = (inside.get(address) ?? 1) - 1;
    if (left === 0) inside.delete(address);
    else inside.set(address, left);
    for (const waiting of queue) {
      if (total >= limits.total) return;
      if (isFree(waiting.address)) waiting.admit();
    }
  }

  function waitFor(address: string, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        queue.delete(waiting);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        address,
        admit: () => {
          queue.delete(waiting);
          signal.removeEventListener('abort', giveUp);
          resolve(take(address));
        },
      };
      queue.add(waiting);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  return {
    async enter(address, signal) {
      signal.throwIfAborted();
      return isFree(address) ? take(address) : waitFor(address, signal);
    },
  };
}
