/**
 * The closed set of reasons for which a host, a message or a recipient is refused.
 *
 * The names follow the result types of RFC 8460 section 4.3 and are used alike in logs, DSNs, metrics and reports.
 * Each has one enhanced status code (RFC 3463, RFC 7505, RFC 8461, RFC 8689); where the message bounces, the class becomes 5.
 * A new one comes last: their order is part of the format of the record.
 */
export const failureStatus = {
  'starttls-not-supported': '4.7.4',
  'tls-handshake-failed': '4.7.5',
  'tls-version-too-low': '4.7.4',
  'certificate-host-mismatch': '4.7.5',
  'certificate-expired': '4.7.5',
  'certificate-not-trusted': '4.7.5',
  'validation-failure': '4.7.5',
  'tlsa-invalid': '4.7.5',
  'dnssec-invalid': '4.7.5',
  'dane-required': '4.7.5',
  'sts-policy-fetch-error': '4.7.5',
  'sts-policy-invalid': '4.7.5',
  'sts-webpki-invalid': '4.7.5',
  'mx-not-in-policy': '4.7.5',
  'dns-lookup-failed': '4.4.3',
  'config-invalid': '4.3.5',
  'internal-error': '4.3.0',
  'requiretls-not-offered': '4.7.30',
  'requiretls-no-tls': '4.7.10',
} as const;

export type FailureReason = keyof typeof failureStatus;

/** Why something was refused: the reason for programs, the text for people. */
export interface Failure {
  readonly reason: FailureReason;
  /** One line, without control characters, that says what was seen and, where it helps, what to do. */
  readonly text: string;
  /** The cause lies on this side, also where the reason is about the peer: no ground to bounce at once. */
  readonly fault?: 'ours';
  /** The connection broke or fell silent, or the peer said that it is for now: another attempt may see something else. */
  readonly passing?: true;
}

/** The enhanced status code of `reason`; class 5 where the message bounces. */
export function enhancedStatus(reason: FailureReason, permanent = false): string {
  const status = failureStatus[reason];
  return permanent ? `5${status.slice(1)}` : status;
}
