/** What result types say, in plain words. Pure. */
import { failureStatus } from '../failure';
import type { ResultType } from './result_type';

const words: Readonly<Record<ResultType, string>> = {
  'starttls-not-supported': 'the host offered no STARTTLS, or refused it',
  'certificate-host-mismatch': 'the certificate is not for the name of the host',
  'certificate-expired': 'the certificate has expired',
  'certificate-not-trusted': 'no trusted CA vouches for the certificate',
  'validation-failure': 'TLS failed in another way',
  'tlsa-invalid': 'the TLSA records are of no use, or the certificate does not match them',
  'dnssec-invalid': 'the DNSSEC signatures do not hold',
  'dane-required': 'the sender demands DANE, and there is none',
  'sts-policy-fetch-error': 'the MTA-STS policy could not be fetched',
  'sts-policy-invalid': 'the MTA-STS policy is not valid',
  'sts-webpki-invalid': 'the certificate of the policy host is not valid',
};

/** @param code the failure-reason-code, empty where there is none */
export function resultText(type: string, code = ''): string {
  const known = Object.hasOwn(words, type)
    ? words[type as ResultType]
    : `"${type}", which the standard does not know`;
  const own = Object.hasOwn(failureStatus, code) ? ` (${code})` : code === '' ? '' : ` ("${code}")`;
  return `${known}${own}`;
}
