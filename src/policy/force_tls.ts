/** Haraka's own `force_tls_hosts` beside a rule: whichever is stricter. */
import type { Requirement } from './requirement';
import { sniOf } from './sni';
import { compareVersions, minimumVersion } from './version';

/** Haraka forces TLS to this host: a trusted chain and the host's name, unless the rule already authenticates it. */
export function forced(requirement: Requirement, host: string): Requirement {
  if (requirement.kind === 'encrypted' && requirement.authentication.kind !== 'none') return requirement;
  const floor = minimumVersion('by_requirement', 'pkix');
  return {
    kind: 'encrypted',
    minVersion:
      requirement.kind !== 'cleartext' && compareVersions(requirement.minVersion, floor) > 0
        ? requirement.minVersion
        : floor,
    authentication: { kind: 'pkix', pkix: { names: [host], subdomains: [], extraRoots: undefined } },
    serverName: requirement.kind === 'cleartext' ? sniOf(host) : requirement.serverName,
    observe: requirement.kind === 'cleartext' ? undefined : requirement.observe,
    because: 'force_tls_hosts',
  };
}
