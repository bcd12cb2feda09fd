/**
 * Addresses that lately did not answer. Where many domains share a policy host that is down, each first message would
 * otherwise wait for it, and mail to other domains behind those.
 *
 * Silence alone counts. A host that refuses costs no time, and a certificate for another name says nothing about the
 * host: otherwise a domain that points at an address could have it taken for dead.
 */
import { LRUCache } from 'lru-cache';

export interface Unreachable {
  /**
   * Whether the address is to be passed over now. When the time is over one caller is told to try, and the others to pass
   * it over until that one knows.
   */
  isPassedOver(address: string): boolean;
  noteSilence(address: string): void;
  noteAnswer(address: string): void;
}

export interface UnreachableOptions {
  readonly passedOverMs: number;
  /** How long the one who tries may take. */
  readonly trialMs: number;
  /** Steady milliseconds. */
  readonly now: () => number;
}

export function createUnreachable({ passedOverMs, trialMs, now }: UnreachableOptions): Unreachable {
  /** Until when. */
  const silent = new LRUCache<string, number>({ max: 1000 });
  return {
    isPassedOver(address) {
      const until = silent.get(address);
      if (until === undefined) return false;
      if (now() < until) return true;
      silent.set(address, now() + trialMs);
      return false;
    },
    noteSilence: (address) => void silent.set(address, now() + passedOverMs),
    noteAnswer: (address) => void silent.delete(address),
  };
}
