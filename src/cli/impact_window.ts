/** Which part of the record tells what a changed rule would have done. Pure. */
import type { DayCounts, Wanted } from '../evidence/evidence';
import { parsePeer } from '../peers/index';

/**
 * What has to be read for `wanted`: also what other managed domains saw of the peers; and what came from a network that no rule
 * was for, under its senders.
 */
export function seenByAll(wanted: Wanted): Wanted {
  const { from, to, direction, peer } = wanted;
  const isNetwork = peer !== undefined && parsePeer(peer)?.kind === 'network';
  return {
    from,
    to,
    ...(direction === undefined ? {} : { direction }),
    ...(peer === undefined || isNetwork ? {} : { peer }),
  };
}

/** The rows of it that are asked about: a rule for a network may be one for any peer. */
export function askedFor(all: readonly DayCounts[], { managed }: Wanted): readonly DayCounts[] {
  return managed === undefined ? all : all.filter(({ key }) => key.managed === managed);
}
