/** The policy that a managed domain publishes, as the text that is served and the id that goes into DNS. Pure. */
import { createHash } from 'node:crypto';
import { serializePolicy } from '../mta_sts/policy';
import type { StsPolicy } from '../mta_sts/types';
import type { HostedPolicy } from '../settings/schema/types';

/** What the TXT record may hold: 1 to 32 letters and digits (RFC 8461 section 3.1). */
const idLength = 32;

export function hostedPolicy({ mode, mx, maxAge }: HostedPolicy): StsPolicy {
  return { mode, mx: [...new Set(mx)], maxAge, extensions: [] };
}

/** The policy file with CRLF line ends (RFC 8461 section 3.2). */
export function policyText(policy: HostedPolicy): string {
  return serializePolicy(hostedPolicy(policy));
}

/**
 * The id of the TXT record for a policy file: the same wherever and whenever it is computed, another one as soon as a
 * single octet differs, so that senders fetch exactly when there is something new.
 */
export function policyId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, idLength);
}

/** The TXT record at `_mta-sts.<domain>` (RFC 8461 section 3.1). */
export function policyRecord(id: string): string {
  return `v=STSv1; id=${id};`;
}
