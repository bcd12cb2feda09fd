/**
 * Haraka's own TLS settings beside a requirement: `enable_tls` of outbound.ini, `force_tls_hosts` and `no_tls_hosts` of
 * tls.ini. `force_tls_hosts` counts where it is stricter, the other two only where cleartext is allowed.
 */
import type { Failure } from '../failure';
import { compareVersions } from '../tls/version';
import { forbidsCleartext } from './cleartext';
import { minimumVersion } from './minimum_version';
import type { Requirement } from './requirement';
import { sniOf } from './sni';

/** What Haraka's settings say of TLS with one host. Its lists name a host by address, host name or recipient domain. */
export interface HarakaTlsSettings {
  /** `enable_tls`. */
  readonly enabled: boolean;
  /** On `force_tls_hosts`. */
  readonly forced: () => boolean;
  /** On `no_tls_hosts`. */
  readonly exempt: () => boolean;
}

export type HarakaTerms =
  | { readonly kind: 'held_to'; readonly requirement: Requirement }
  /** Haraka's settings keep TLS away. */
  | { readonly kind: 'in_cleartext'; readonly because: 'enable_tls = false' | 'no_tls_hosts' }
  /** They contradict the rule: the host is not connected to. */
  | { readonly kind: 'refused'; readonly failure: Failure };

export function withHarakaTls(
  required: Requirement,
  host: string,
  { enabled, forced, exempt }: HarakaTlsSettings,
): HarakaTerms {
  const requirement = forced() ? forcedTls(required, host) : required;
  if (forbidsCleartext(requirement)) {
    return enabled ? { kind: 'held_to', requirement } : { kind: 'refused', failure: switchedOff };
  }
  if (requirement.kind === 'cleartext') return { kind: 'held_to', requirement };
  if (!enabled) return { kind: 'in_cleartext', because: 'enable_tls = false' };
  return exempt() ? { kind: 'in_cleartext', because: 'no_tls_hosts' } : { kind: 'held_to', requirement };
}

const switchedOff: Failure = {
  reason: 'config-invalid',
  text: 'outbound.ini says enable_tls = false, the rule requires TLS',
};

/** Haraka forces TLS to this host: a trusted chain and the host's name, unless the rule already authenticates it. */
export function forcedTls(requirement: Requirement, host: string): Requirement {
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
