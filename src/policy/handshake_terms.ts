/** What a requirement asks of the handshake. The outcome is held to the requirement all the same. Pure. */
import type { CertificateCheck, HandshakeTerms } from '../tls/terms';
import { extraRootsOf, observedBy } from './observed';
import type { TlsRequirement } from './session';

export function handshakeTerms(requirement: TlsRequirement): HandshakeTerms {
  const { minVersion, serverName } = requirement;
  const certificate = certificateCheck(requirement);
  return { minVersion, serverName, extraRoots: extraRootsOf(requirement), certificate };
}

function certificateCheck(requirement: TlsRequirement): CertificateCheck {
  if (requirement.kind === 'encrypted') {
    const { authentication } = requirement;
    if ('pkix' in authentication) return 'chain';
    if (authentication.kind !== 'none') return 'other';
  }
  const observed = observedBy(requirement).some(({ authentication }) => authentication.kind !== 'none');
  return observed ? 'observed' : 'none';
}
