/** What a peer offers in its answer to EHLO or LHLO (RFC 5321 section 4.1.1.1). Pure. */
import { withoutStatus, type Reply } from './reply';

export interface Capabilities {
  readonly startTls: boolean;
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  /** RFC 8689. Counts within TLS alone. */
  readonly requireTls: boolean;
  /** RFC 1870: the most octets that a message may have, where the peer says so. */
  readonly size:
    { readonly kind: 'not_offered' | 'no_limit' } | { readonly kind: 'limit'; readonly octets: number };
  /** SASL mechanisms, in capitals. */
  readonly auth: readonly string[];
}

/** Those of a peer that was greeted with HELO: none (RFC 5321 section 2.2.1). */
export const noCapabilities: Capabilities = {
  startTls: false,
  pipelining: false,
  eightBitMime: false,
  smtpUtf8: false,
  requireTls: false,
  size: { kind: 'not_offered' },
  auth: [],
};

/** The first line is the greeting, never a capability. Keywords are read in any case, parameters that they do not know pass. */
export function capabilitiesOf({ lines }: Reply): Capabilities {
  const offered = new Map<string, readonly string[]>();
  for (const line of lines.slice(1)) {
    const [keyword = '', ...parameters] = withoutStatus(line)
      .trim()
      .toUpperCase()
      // `AUTH=PLAIN LOGIN` is how servers wrote it before RFC 2554.
      .replace(/^AUTH=/, 'AUTH ')
      .split(/\s+/);
    offered.set(keyword, [...(offered.get(keyword) ?? []), ...parameters]);
  }
  return {
    startTls: offered.has('STARTTLS'),
    pipelining: offered.has('PIPELINING'),
    eightBitMime: offered.has('8BITMIME'),
    smtpUtf8: offered.has('SMTPUTF8'),
    requireTls: offered.has('REQUIRETLS'),
    size: sizeOf(offered.get('SIZE')),
    auth: offered.get('AUTH') ?? [],
  };
}

/** RFC 1870 section 4: no value and 0 alike mean that there is no fixed limit. */
function sizeOf(parameters: readonly string[] | undefined): Capabilities['size'] {
  if (parameters === undefined) return { kind: 'not_offered' };
  const [limit = ''] = parameters;
  const octets = /^\d{1,15}$/.test(limit) ? Number(limit) : 0;
  return octets === 0 ? { kind: 'no_limit' } : { kind: 'limit', octets };
}
