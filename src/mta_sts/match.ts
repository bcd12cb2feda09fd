/** MX hosts held against a policy. Pure. */
import { canonicalDomain } from '../names';
import type { StsPolicy } from './types';

/**
 * Whether `mxHost` is one of the policy's MX hosts (RFC 8461 section 4.1): without regard to case, U-labels and a
 * trailing dot, where `*.` stands for exactly one left-most label. A name that mail cannot use matches nothing.
 */
export function matchesPolicy(policy: StsPolicy, mxHost: string): boolean {
  const host = canonicalDomain(mxHost);
  if (host === undefined) return false;
  const dot = host.indexOf('.');
  return policy.mx.includes(host) || (dot !== -1 && policy.mx.includes(`*${host.slice(dot)}`));
}
