import type { GlobalSettings } from '../schema/types';

/** What fetches of policies are held to. The settings count in seconds, fetches in milliseconds. */
export function fetchOptions({ mtaSts }: GlobalSettings) {
  return {
    allowPrivate: mtaSts.mtaStsAllowPrivate,
    timeoutMs: mtaSts.fetchTimeout * 1000,
    maxInFlight: mtaSts.maxFetches,
  };
}
