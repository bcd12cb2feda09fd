/** What Haraka's own TLS settings make of what one entry of its list is held to. */
import { withHarakaTls, type HarakaTerms } from '../policy/haraka_tls';
import type { HostPlan } from '../policy/requirement';
import type { Delivery } from './delivery';
import type { HarakaMx } from './haraka';

export function harakaTerms(delivery: Delivery, mx: HarakaMx, { requirement, host }: HostPlan): HarakaTerms {
  const { hmail, environment, original } = delivery;
  return withHarakaTls(requirement, host, {
    enabled: environment.outboundConfig.cfg.enable_tls !== false,
    forced: () => original.get_force_tls(mx),
    exempt: () =>
      [mx.exchange ?? '', host, hmail.todo.domain].some((name) => environment.isExemptFromTls(name)),
  });
}
