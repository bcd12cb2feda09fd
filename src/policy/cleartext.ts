/** What a requirement says of sending without TLS. Pure. */
import type { OpportunisticRequirement, Requirement } from './requirement';

/** Whether nothing of the envelope may leave unencrypted, also where the peer offers no TLS. */
export function forbidsCleartext(requirement: Requirement): boolean {
  return (
    requirement.kind === 'encrypted' ||
    (requirement.kind === 'opportunistic' && requirement.cleartextFallback === 'never')
  );
}

/** Whether a peer that offers TLS, but whose TLS is broken, may have the message in cleartext. */
export function allowsBrokenTls(requirement: Requirement): requirement is OpportunisticRequirement {
  return requirement.kind === 'opportunistic' && requirement.cleartextFallback === 'handshake_failure';
}
