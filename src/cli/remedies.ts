/** What to do about each reason for which mail is held up. Pure. */
import type { FailureReason } from '../failure';

const remedies = {
  'starttls-not-supported':
    'ask the peer, whose host offers no STARTTLS; or write a weaker rule for it, with exempt_until',
  'tls-handshake-failed': 'see with "test" at which host; tell the peer, or lower min_tls_version for it',
  'tls-version-too-low': 'lower min_tls_version for this peer, knowing what that gives away; or ask the peer',
  'certificate-host-mismatch': 'tell the peer, whose certificate is for another name; or name that in match',
  'certificate-expired': 'tell the peer, whose certificate has expired',
  'certificate-not-trusted':
    'tell the peer: with DANE its zone publishes another key than its host uses; for a private CA, ca_file; where the rule has fingerprints, ask by other means for the new one',
  'validation-failure': 'tell the peer; what is seen there says what is wrong with its certificate',
  'tlsa-invalid': 'tell the peer, none of whose TLSA records can be used',
  'dnssec-invalid': 'look at the zone with delv MX PEER; tell the peer where its signatures are wrong',
  'dane-required': 'the peer has no DANE, and the rule demands it: choose another security_level for it',
  'sts-policy-fetch-error': 'see with "cache refresh" whether the policy can be fetched from here',
  'sts-policy-invalid': 'tell the peer, whose MTA-STS policy cannot be read',
  'sts-webpki-invalid': 'tell the peer, whose policy host has no valid certificate',
  'mx-not-in-policy': 'tell the peer, whose policy does not name its MX host; or somebody forges its DNS',
  'requiretls-not-offered':
    'the host does not offer REQUIRETLS: the sender may send it without; or write requiretls = opportunistic_tls for the peer',
  'requiretls-no-tls':
    'ask the peer for DANE or MTA-STS, and for TLS; for a host of your own that a plugin names, [outbound] routes[], and its name instead of its address; or write requiretls = opportunistic_tls for the peer',
  'dns-lookup-failed': 'see whether the resolver answers: delv MX PEER @your-resolver',
  'config-invalid': 'mend the file or setting that is named: tls-peers lint',
  'internal-error': 'a decision took too long, or a fault of this suite: the log says more; please report it',
} as const satisfies Record<FailureReason, string>;

/** What a sender asked for can demand more than the rule that is named beside it. */
export function remedyFor(reason: FailureReason, asked: 'required' | undefined): string {
  if (asked === undefined || !ofHosts.has(reason)) return remedies[reason];
  return `${remedies[reason]}. Where the rule does not demand it, REQUIRETLS does: requiretls = opportunistic_tls for the peer lets the rule alone decide`;
}

/** What a host, or the domain, did not meet and the rule need not have asked for. */
const ofHosts: ReadonlySet<FailureReason> = new Set([
  'starttls-not-supported',
  'tls-handshake-failed',
  'tls-version-too-low',
  'certificate-host-mismatch',
  'certificate-expired',
  'certificate-not-trusted',
  'validation-failure',
  'dnssec-invalid',
  'sts-policy-fetch-error',
  'sts-policy-invalid',
  'sts-webpki-invalid',
  'dns-lookup-failed',
]);
