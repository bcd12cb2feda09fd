/** The hosts of one attempt in the order in which they are tried, each with what it is held to. */
import type { Failure } from '../failure';
import type { HostPlan, Requirement } from '../policy/requirement';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import type { HarakaMx } from './haraka';
import { harakaTerms } from './haraka_tls';
import { firstTry, type HostTry } from './host_try';
import { unmapAddress } from './mx_answer';
import { hostOf, isSocket, localPlan, portOf } from './mx_entry';

/** Haraka's list without what was not decided, and what Haraka's own settings rule out. */
export function queueOf(delivery: Delivery, attempt: Attempt): HostTry[] {
  const { hmail } = delivery;
  return hmail.mxlist.flatMap((mx) => {
    unmapAddress(mx);
    if (isSocket(mx)) return [firstTry(mx, localPlan(mx.path))];
    const plan = planFor(delivery, mx);
    if (plan === undefined) {
      // Refused hosts of a route are recorded already.
      if (!attempt.failures.some((failure) => failure.host === hostOf(mx)))
        refuseUndecided(delivery, attempt, mx);
      return [];
    }
    const terms = harakaTerms(delivery, mx, plan);
    switch (terms.kind) {
      case 'refused':
        attempt.refuse(hmail, hostOf(mx), terms.failure, 'nothing');
        return [];
      case 'held_to':
        return [firstTry(mx, { ...plan, requirement: terms.requirement })];
      case 'in_cleartext':
        // Asked once more when the session begins: the settings may have changed by then.
        return [firstTry(mx, plan)];
    }
  });
}

export function refuseUndecided({ hmail }: Delivery, attempt: Attempt, mx: HarakaMx): void {
  const failure: Failure = { reason: 'internal-error', text: 'nothing was decided for it' };
  attempt.refuse(hmail, hostOf(mx), failure, 'nothing');
}

/** What was decided for this host. */
function planFor({ attempt }: Delivery, mx: HarakaMx): HostPlan | undefined {
  const { phase } = attempt;
  if (phase.kind !== 'decided' || phase.decision.kind !== 'deliver') return undefined;
  const host = hostOf(mx);
  const port = portOf(mx);
  return phase.decision.hosts.find((one) => one.host === host && one.port === port);
}

/** What must hold for `mx`; `undefined` where nothing was decided. */
export function requirementFor(delivery: Delivery, mx: HarakaMx): Requirement | undefined {
  const plan = planFor(delivery, mx);
  if (plan === undefined) return undefined;
  const terms = harakaTerms(delivery, mx, plan);
  return terms.kind === 'held_to' ? terms.requirement : plan.requirement;
}
