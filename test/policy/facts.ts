/** Rules and facts in a few words, for the decision tables. */
import { createHash } from 'node:crypto';
import type { TlsaRecord } from '../../src/dane/types';
import type {
  AddressFacts,
  Destination,
  FailedLookup,
  MxHostFacts,
  RoutedHostFacts,
  TlsaFacts,
} from '../../src/dns/types';
import type { StsFacts, StsPolicy } from '../../src/mta_sts/types';
import type { OutboundRule, SecurityLevel } from '../../src/peers/rule';

export const domain = 'peer.example';
export const host = 'mx.peer.example';

export function rule(level: SecurityLevel, changes: Partial<OutboundRule> = {}): OutboundRule {
  return {
    name: 'ours.example [outbound peer.example]',
    level,
    minTlsVersion: 'by_requirement',
    match: [{ kind: 'hostname' }],
    extraRoots: undefined,
    fingerprints: [],
    actionOnFailure: 'defer',
    enforcement: 'enforce',
    cleartextFallback: 'handshake_failure',
    insecureMx: 'dane',
    tlsReports: 'on',
    requireTls: 'enforce',
    ...changes,
  };
}

export function failed(cause: FailedLookup['cause'] = 'servfail'): FailedLookup {
  return { kind: 'failed', cause, detail: 'as the test says' };
}

export function addresses(security: 'secure' | 'insecure' | 'secure_alias' = 'secure'): AddressFacts {
  return { kind: 'found', security, addresses: ['192.0.2.1'], canonicalName: host };
}

const sha256 = createHash('sha256').update('key').digest();
export const usableRecord: TlsaRecord = { usage: 3, selector: 1, matchingType: 1, data: sha256 };
export const unusableRecord: TlsaRecord = { usage: 1, selector: 1, matchingType: 1, data: sha256 };

export function tlsa(...records: TlsaRecord[]): TlsaFacts {
  return { kind: 'present', baseDomain: host, records };
}

export function mxHost(changes: Partial<MxHostFacts> = {}): MxHostFacts {
  return { host, preference: 10, addresses: addresses(), tlsa: { kind: 'not_asked' }, ...changes };
}

/** A route to one host, which is not named after the recipient's domain. */
export const relay = 'relay.provider.example';

export function route(changes: Partial<RoutedHostFacts> = {}): Destination {
  const one: RoutedHostFacts = {
    host: relay,
    preference: 0,
    port: 25,
    addresses: addresses(),
    tlsa: { kind: 'absent' },
    ...changes,
  };
  return { kind: 'route', domain, hosts: [one] };
}

export function mx(security: 'secure' | 'insecure', ...hosts: MxHostFacts[]): Destination {
  return { kind: 'mx', domain, secure: security === 'secure', canonicalName: domain, hosts };
}

export function policy(mode: StsPolicy['mode'], ...patterns: string[]): StsFacts {
  const published: StsPolicy = { mode, mx: patterns, maxAge: 86_400, extensions: [] };
  return { kind: 'policy', policy: published, id: '2026', refreshFailure: 'none' };
}

export const noPolicy: StsFacts = { kind: 'no_policy', failure: 'not_published' };
export const policyUnknown: StsFacts = {
  kind: 'unknown',
  failure: { reason: 'sts-policy-fetch-error', text: 'as the test says' },
};
export const noPolicyObtained: StsFacts = {
  kind: 'no_policy',
  failure: { reason: 'sts-policy-fetch-error', text: 'as the test says' },
};
