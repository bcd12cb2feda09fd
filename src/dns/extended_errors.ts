/** Why a resolver has no answer, in its own words (RFC 8914). Pure. */

/** The registry's purposes, from code 0 on (RFC 8914 section 5.2; 25: the IANA registry). */
const purposes = [
  'other',
  'unsupported DNSKEY algorithm',
  'unsupported DS digest type',
  'stale answer',
  'forged answer',
  'DNSSEC indeterminate',
  'DNSSEC bogus',
  'signature expired',
  'signature not yet valid',
  'DNSKEY missing',
  'RRSIGs missing',
  'no zone key bit set',
  'NSEC missing',
  'cached error',
  'not ready',
  'blocked',
  'censored',
  'filtered',
  'prohibited',
  'stale NXDOMAIN answer',
  'not authoritative',
  'not supported',
  'no reachable authority',
  'network error',
  'invalid data',
  'signature expired before valid',
] as const;

/** Such as `extended error 6 (DNSSEC bogus)`; the number alone where the code is not known here. */
export function extendedErrorText(code: number): string {
  const purpose = purposes[code];
  return `extended error ${code}${purpose === undefined ? '' : ` (${purpose})`}`;
}
