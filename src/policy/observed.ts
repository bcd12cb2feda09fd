/** What is held against a connection beside what is enforced: a `testing` policy, `enforcement = monitor`. */
import type { EncryptedRequirement, Requirement } from './requirement';

/** Requirements whose failure is recorded and stops nothing. */
export function observedBy(requirement: Requirement): readonly EncryptedRequirement[] {
  if (requirement.kind === 'cleartext' || requirement.observe === undefined) return [];
  return [requirement.observe, ...observedBy(requirement.observe)];
}

/** PEM of the roots that a handshake is to trust beside the default ones. All that one rule asks for are the same. */
export function extraRootsOf(requirement: Requirement): string | undefined {
  const judged = requirement.kind === 'encrypted' ? [requirement] : [];
  for (const { authentication } of [...judged, ...observedBy(requirement)]) {
    if ('pkix' in authentication) return authentication.pkix.extraRoots;
  }
  return undefined;
}
