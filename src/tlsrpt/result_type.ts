/** Our failure reasons as the result types of RFC 8460 section 4.3. Pure. */
import type { FailureReason } from '../failure';

export const resultTypes = [
  'starttls-not-supported',
  'certificate-host-mismatch',
  'certificate-expired',
  'certificate-not-trusted',
  'validation-failure',
  'tlsa-invalid',
  'dnssec-invalid',
  'dane-required',
  'sts-policy-fetch-error',
  'sts-policy-invalid',
  'sts-webpki-invalid',
] as const;
export type ResultType = (typeof resultTypes)[number];

/** What a peer is told of a failure; `code` is the failure-reason-code, empty where the type says it all. */
export interface Result {
  readonly type: ResultType;
  readonly code: string;
}

/** `not_reported`: it is about ourselves, or about DNS as we see it, and the peer can do nothing about it. */
const results: Readonly<Record<FailureReason, Result | 'not_reported'>> = {
  'starttls-not-supported': plain('starttls-not-supported'),
  'tls-handshake-failed': general('tls-handshake-failed'),
  'tls-version-too-low': general('tls-version-too-low'),
  'certificate-host-mismatch': plain('certificate-host-mismatch'),
  'certificate-expired': plain('certificate-expired'),
  'certificate-not-trusted': plain('certificate-not-trusted'),
  'validation-failure': plain('validation-failure'),
  'tlsa-invalid': plain('tlsa-invalid'),
  'dnssec-invalid': plain('dnssec-invalid'),
  'dane-required': plain('dane-required'),
  'sts-policy-fetch-error': plain('sts-policy-fetch-error'),
  'sts-policy-invalid': plain('sts-policy-invalid'),
  'sts-webpki-invalid': plain('sts-webpki-invalid'),
  'mx-not-in-policy': general('mx-not-in-policy'),
  // It is what the sender of one message asked for.
  'requiretls-not-offered': 'not_reported',
  'requiretls-no-tls': 'not_reported',
  'dns-lookup-failed': 'not_reported',
  'config-invalid': 'not_reported',
  'internal-error': 'not_reported',
};

export function resultOf(reason: FailureReason): Result | 'not_reported' {
  return results[reason];
}

function plain(type: ResultType): Result {
  return { type, code: '' };
}

/** What has no type of its own is a `validation-failure`, of which the code says the kind. */
function general(code: FailureReason): Result {
  return { type: 'validation-failure', code };
}
