/** Which policies are served under which names. Pure. */
import { policyHostOf } from '../mta_sts/well_known_names';
import type { DomainName } from '../names';
import type { HostedPolicy, Settings } from '../settings/schema/types';
import { policyId, policyText } from './policy_text';

/** Where the certificate of a policy host comes from. Paths are relative to Haraka's config directory. */
export type CertificateSource =
  | { readonly kind: 'directory' }
  /** `keyFile` may be the same file. */
  | { readonly kind: 'files'; readonly certificateFile: string; readonly keyFile: string };

export interface HostedFile {
  readonly domain: string;
  /** `mta-sts.<domain>` (RFC 8461 section 3.3). */
  readonly host: DomainName;
  readonly policy: HostedPolicy;
  readonly text: string;
  readonly id: string;
  readonly certificate: CertificateSource;
}

/** By policy host. */
export type Catalogue = ReadonlyMap<string, HostedFile>;

/** The policies of all managed domains that have one. A disabled domain is as one that is not managed. */
export function hostedFiles(settings: Settings): Catalogue {
  const files = new Map<string, HostedFile>();
  for (const one of settings.domains.values()) {
    if (one.kind !== 'managed' || one.status === 'disabled' || one.policy.kind === 'none') continue;
    const host = policyHostOf(one.domain);
    if (host !== undefined) files.set(host, hostedFile(one.domain, host, one.policy));
  }
  return files;
}

function hostedFile(domain: string, host: DomainName, policy: HostedPolicy): HostedFile {
  const text = policyText(policy);
  const { certificateFile, keyFile } = policy;
  return {
    domain,
    host,
    policy,
    text,
    id: policyId(text),
    certificate:
      certificateFile === ''
        ? { kind: 'directory' }
        : { kind: 'files', certificateFile, keyFile: keyFile === '' ? certificateFile : keyFile },
  };
}
