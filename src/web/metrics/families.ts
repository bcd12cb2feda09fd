/**
 * What is offered to Prometheus: each family once, with its labels. Every label comes from a closed set, but for what the
 * operator's own files name, and for peers where `metrics_peers` asks for them. Pure.
 */

export interface Family {
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
}

export const prefix = 'haraka_tls_peers_';

/** By the name behind the prefix; counters end in `_total`. */
export const families = {
  deliveries_total: {
    kind: 'counter',
    help: 'Attempts to deliver one message to one domain, by the level of the rule and how they ended.',
    labels: ['level', 'outcome'],
  },
  protected_messages_total: {
    kind: 'counter',
    help: 'Delivered messages by TLS version (none for cleartext), key exchange and how the peer was authenticated.',
    labels: ['tls', 'group', 'verified'],
  },
  host_failures_total: {
    kind: 'counter',
    help: 'Hosts that did not get a message, by reason.',
    labels: ['reason'],
  },
  observed_failures_total: {
    kind: 'counter',
    help: 'What would have been refused had it been enforced, and broken TLS that cleartext made up for, by reason.',
    labels: ['reason'],
  },
  handshakes_total: {
    kind: 'counter',
    help: 'TLS handshakes with hosts that met what was required, by version.',
    labels: ['tls'],
  },
  session_messages_total: {
    kind: 'counter',
    help: 'Messages that came to a session, by whether it was new or reused.',
    labels: ['session'],
  },
  requiretls_total: {
    kind: 'counter',
    help: 'Attempts with messages whose sender asked for REQUIRETLS, or by "TLS-Required: No" (RFC 8689), by how they ended.',
    labels: ['asked', 'outcome'],
  },
  peer_changes_total: {
    kind: 'counter',
    help: 'Peers by what they began to do: failing or recovering.',
    labels: ['began'],
  },
  received_messages_total: {
    kind: 'counter',
    help: 'Messages from others, once for each managed domain, by the level of the rule and whether they were accepted or refused.',
    labels: ['level', 'outcome'],
  },
  received_protected_messages_total: {
    kind: 'counter',
    help: 'Accepted messages from others by TLS version; none for cleartext.',
    labels: ['tls'],
  },
  refusals_total: {
    kind: 'counter',
    help: 'Refused messages from others by reason.',
    labels: ['reason'],
  },
  observed_refusals_total: {
    kind: 'counter',
    help: 'Accepted messages from others that would have been refused had the rule been enforced, by reason.',
    labels: ['reason'],
  },
  held_messages: {
    kind: 'gauge',
    help: 'Messages that wait because of a rule, by reason.',
    labels: ['reason'],
  },
  oldest_held_seconds: {
    kind: 'gauge',
    help: 'Age of the oldest message that waits because of a rule; 0 where none does.',
    labels: [],
  },
  resolver_validating: {
    kind: 'gauge',
    help: 'Whether a resolver validates DNSSEC and may be believed: 1 or 0.',
    labels: ['server'],
  },
  resolver_probe_timestamp_seconds: {
    kind: 'gauge',
    help: 'When that was last found out; 0 before the first probe.',
    labels: [],
  },
  policies: { kind: 'gauge', help: 'MTA-STS policies of others that are kept, by mode.', labels: ['mode'] },
  certificate_expiry_seconds: {
    kind: 'gauge',
    help: 'Time until a certificate of ours expires; negative where it has.',
    labels: ['certificate'],
  },
  exemption_expiry_seconds: {
    kind: 'gauge',
    help: 'Time until a section with exempt_until stops to apply; the 100 that come first.',
    labels: ['rule'],
  },
  reports: {
    kind: 'gauge',
    help: 'TLS reports to others, of the days that are remembered, by what became of them.',
    labels: ['state'],
  },
  received_reports: {
    kind: 'gauge',
    help: 'TLS reports of others that are kept.',
    labels: [],
  },
  reported_failures: {
    kind: 'gauge',
    help: 'Failed sessions of the last seven days that trusted reporters tell of, by managed domain.',
    labels: ['domain'],
  },
  policy_rollout: {
    kind: 'gauge',
    help: 'What TLS reports say of the policy of a managed domain: 1 at waiting, failing, safe or not_testing.',
    labels: ['domain', 'state'],
  },
  configuration_faults: {
    kind: 'gauge',
    help: 'Faults in the files as they are now. Where there are some, the last good settings stay in force.',
    labels: [],
  },
  evidence_faults: {
    kind: 'gauge',
    help: 'Processes whose counts cannot be written to disk now.',
    labels: [],
  },
  peer_messages: {
    kind: 'gauge',
    help: 'Messages of the last seven days of the busiest peers, by TLS version (metrics_peers).',
    labels: ['managed', 'direction', 'peer', 'tls'],
  },
  peer_failures: {
    kind: 'gauge',
    help: 'Attempts of the last seven days with the busiest peers that did not end in a delivery (metrics_peers).',
    labels: ['managed', 'direction', 'peer'],
  },
  processes: { kind: 'gauge', help: 'Processes whose figures are in here.', labels: [] },
  build_info: { kind: 'gauge', help: 'The version of the suite; always 1.', labels: ['version'] },
} as const satisfies Readonly<Record<string, Family>>;

export type FamilyName = keyof typeof families;

/** What deliveries and incoming messages count, under the names that they have there. */
export const counted: Readonly<Record<string, FamilyName>> = {
  deliveries: 'deliveries_total',
  protection: 'protected_messages_total',
  host_failures: 'host_failures_total',
  observed_failures: 'observed_failures_total',
  handshakes: 'handshakes_total',
  session_messages: 'session_messages_total',
  requiretls: 'requiretls_total',
  peer_changes: 'peer_changes_total',
  received: 'received_messages_total',
  received_protection: 'received_protected_messages_total',
  refusals: 'refusals_total',
  observed_refusals: 'observed_refusals_total',
};
