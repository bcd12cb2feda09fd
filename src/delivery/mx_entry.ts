/** Entries of Haraka's `mxlist`, and the plans that they stand for. */
import { smtpPort } from '../dns/types';
import { canonicalDomain } from '../names';
import { plainAddress } from '../peers/network';
import type { HostPlan } from '../policy/requirement';
import type { HarakaMx } from './haraka';

/** Whether Haraka will connect to a UNIX socket; it takes an empty path for none, and connects to the host. */
export function isSocket(mx: HarakaMx): mx is HarakaMx & { readonly path: string } {
  return Boolean(mx.path);
}

/** The host name where Haraka resolved one, the address otherwise; in the form in which plans name hosts. */
export function hostOf(mx: HarakaMx): string {
  const name = mx.from_dns ?? mx.exchange ?? mx.path ?? '';
  return canonicalDomain(name) ?? plainAddress(name.toLowerCase());
}

/** Where Haraka will connect: a route may name any port, LMTP has none of its own but this one. */
export function portOf(mx: HarakaMx): number {
  const named = Number(mx.port ?? 0);
  if (named !== 0) return named;
  return mx.using_lmtp ? 24 : smtpPort;
}

/** What is offered to Haraka, which leaves addresses as they are. */
export function entriesOf(plan: HostPlan): HarakaMx[] {
  return plan.addresses.map((address) => ({
    exchange: address,
    from_dns: plan.host,
    priority: plan.preference,
  }));
}

/**
 * A UNIX socket is local: no rule applies. Haraka's memory of broken TLS is kept away from it all the same; without Redis
 * it would end the process.
 */
export function localPlan(path: string): HostPlan {
  return {
    host: path,
    preference: 0,
    port: 0,
    addresses: [],
    requirement: { kind: 'cleartext', because: 'UNIX socket' },
    recorded: [],
    discovered: 'not looked for',
  };
}
