/** What became of incoming messages, counted since this process began: as the record counts them, whether that is kept or not. */
import type { Sighting } from '../evidence/sighting';
import { Counters } from '../figures';

type CountName =
  /** Messages from others, once for each managed domain that they are for, by `level` of the rule and `outcome`: `accepted`, `refused`. */
  | 'received'
  /** The accepted ones by `tls` (version, or `none`). */
  | 'received_protection'
  /** The refused ones by `reason`. */
  | 'refusals'
  /** The accepted ones that a rule would have refused had it been enforced, by `reason`. */
  | 'observed_refusals';

/** Those of this process; metrics read them. */
export const inboundCounters = new Counters<CountName>();

/** Every label comes from a closed set: a sighting holds nothing else. */
export function countIncoming({ outcome, level, tls, reason }: Sighting): void {
  inboundCounters.add('received', { level, outcome });
  if (outcome === 'refused') {
    inboundCounters.add('refusals', { reason });
    return;
  }
  inboundCounters.add('received_protection', { tls });
  if (reason !== 'none') inboundCounters.add('observed_refusals', { reason });
}
