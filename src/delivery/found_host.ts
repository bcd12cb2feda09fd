/** What a decision knew of one of its hosts. Pure. */
import type { MxHostFacts, RoutedHostFacts, Destination } from '../dns/types';
import { asDestination } from '../policy/decide_answer';
import { standingTable } from '../policy/tables';
import type { StsFacts } from '../mta_sts/types';
import type { Attempt } from './attempt';

export interface FoundHost {
  /** Of hosts that a plugin answered with, as each by itself stands. */
  readonly destination: Destination;
  /** Absent where the destination has no host of that name. */
  readonly host: MxHostFacts | RoutedHostFacts | undefined;
  readonly sts: StsFacts;
}

/** `undefined` where nothing was found out, or the answer has no host of that name. */
export function foundHost(facts: Attempt['facts'], name: string): FoundHost | undefined {
  if (facts === 'unknown') return undefined;
  if ('destination' in facts) {
    const { destination, sts } = facts;
    if (destination.kind === 'implicit') return { destination, host: destination.host, sts };
    const host = 'hosts' in destination ? destination.hosts.find((one) => one.host === name) : undefined;
    return { destination, host, sts };
  }
  const answered = facts.hosts.find((one) => one.facts.host === name);
  if (answered === undefined) return undefined;
  const applies = standingTable[answered.standing.kind].policy === 'applies';
  const sts: StsFacts = applies ? facts.sts : { kind: 'not_asked' };
  return { destination: asDestination(facts, answered), host: answered.facts, sts };
}
