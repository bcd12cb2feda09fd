/** The hosts of one attempt in the order in which they are tried, each with what it is held to. */
import type { Failure } from '../failure';
import { forced } from '../policy/force_tls';
import type { HostPlan, Requirement } from '../policy/requirement';
import type { Attempt } from './attempt';
import { forbidsCleartext } from './cleartext';
import type { Delivery } from './delivery';
import type { HarakaMx } from './haraka';
import { firstTry, type HostTry } from './host_try';
import { unmapAddress } from './mx_answer';
import { hostOf, isSocket, localPlan, portOf } from './mx_entry';

/** Haraka's list without what was not decided, and what Haraka's own settings rule out. */
export function queueOf(delivery: Delivery, attempt: Attempt): HostTry[] {
  const { hmail, environment } = delivery;
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
    if (forbidsCleartext(plan.requirement) && environment.outboundConfig.cfg.enable_tls === false) {
      const text = 'outbound.ini says enable_tls = false, the rule requires TLS';
      attempt.refuse(hmail, hostOf(mx), { reason: 'config-invalid', text }, 'nothing');
      return [];
    }
    return [firstTry(mx, plan)];
  });
}

export function refuseUndecided({ hmail }: Delivery, attempt: Attempt, mx: HarakaMx): void {
  const failure: Failure = { reason: 'internal-error', text: 'nothing was decided for it' };
  attempt.refuse(hmail, hostOf(mx), failure, 'nothing');
}

/** What was decided for this host, or Haraka's `force_tls_hosts` where that is stricter. */
function planFor({ attempt, original }: Delivery, mx: HarakaMx): HostPlan | undefined {
  const { phase } = attempt;
  if (phase.kind !== 'decided' || phase.decision.kind !== 'deliver') return undefined;
  const host = hostOf(mx);
  const port = portOf(mx);
  const plan = phase.decision.hosts.find((one) => one.host === host && one.port === port);
  if (plan === undefined || !original.get_force_tls(mx)) return plan;
  return { ...plan, requirement: forced(plan.requirement, plan.host) };
}

/** What must hold for `mx`; `undefined` where nothing was decided. */
export function requirementFor(delivery: Delivery, mx: HarakaMx): Requirement | undefined {
  return planFor(delivery, mx)?.requirement;
}
