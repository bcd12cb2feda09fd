import type { CertificateUse, HandshakeTerms } from '../tls/handshake_terms';
import { extraRootsOf, observedBy } from './observed';
import type { TlsRequirement } from './requirement';

/** What a handshake is begun for that is held to `requirement`. */
export function handshakeTerms(requirement: TlsRequirement): HandshakeTerms {
  const chain = requirement.kind === 'encrypted' && 'pkix' in requirement.authentication;
  return {
    minVersion: requirement.minVersion,
    serverName: requirement.serverName,
    extraRoots: extraRootsOf(requirement),
    chain: chain ? 'enforced' : 'not_enforced',
    certificate: certificateUse(requirement),
  };
}

function certificateUse(requirement: TlsRequirement): CertificateUse {
  if (requirement.kind === 'encrypted' && requirement.authentication.kind !== 'none') return 'enforced';
  return observedBy(requirement).some(({ authentication }) => authentication.kind !== 'none')
    ? 'observed'
    : 'none';
}
