/** What was seen of a peer, written as the facts that a decision is made from. Pure. */
import type { Destination, MxHostFacts, TlsaFacts } from '../../dns/types';
import type { StsFacts } from '../../mta_sts/types';
import type { OutboundRule } from '../../peers/rule';
import { asksDane, asksPolicy } from '../../policy/asks';
import type { Facts } from '../../policy/facts';
import type { Sighting } from '../sighting';

/** The record has no host: all that counts of one is whether it is the one that was seen. */
export const seenHost = 'mx.seen.invalid';
/** The next-hop domain. */
export const seenDomain = 'seen.invalid';

/** What a rule like this would have looked at, with every value that what is unknown of it can have. */
export function* completions(seen: Sighting, { level }: Pick<OutboundRule, 'level'>): Generator<Sighting> {
  const dane = asksDane(level);
  const mxs = dane && seen.mx === 'unknown' ? (['secure', 'insecure'] as const) : [seen.mx];
  const tlsas =
    dane && seen.tlsa === 'unknown' ? (['none', 'pass', 'fail', 'unusable'] as const) : [seen.tlsa];
  const policies =
    asksPolicy(level) && seen.policy === 'unknown'
      ? (['none', 'testing', 'enforce', 'enforce_not_named'] as const)
      : [seen.policy];
  for (const mx of mxs)
    for (const tlsa of tlsas) for (const policy of policies) yield { ...seen, mx, tlsa, policy };
}

/** @param seen without anything unknown that the level asks about */
export function factsOf(seen: Sighting): Facts {
  return { destination: destinationOf(seen), sts: stsOf(seen.policy) };
}

function destinationOf({ mx, tlsa }: Sighting): Destination {
  const address = '192.0.2.1';
  if (mx === 'literal') return { kind: 'literal', domain: `[${address}]`, address };
  const addresses = {
    kind: 'found',
    security: 'secure',
    addresses: [address],
    canonicalName: seenHost,
  } as const;
  const host: MxHostFacts = { host: seenHost, preference: 10, addresses, tlsa: tlsaOf(tlsa) };
  if (mx === 'route') return { kind: 'route', domain: seenDomain, hosts: [{ ...host, port: 25 }] };
  return {
    kind: 'mx',
    domain: seenDomain,
    secure: mx === 'secure',
    canonicalName: seenDomain,
    hosts: [host],
  };
}

const data = new Uint8Array(32);

function tlsaOf(seen: Sighting['tlsa']): TlsaFacts {
  switch (seen) {
    case 'none':
    case 'unknown':
      return { kind: 'absent' };
    case 'lookup_failed':
      return { kind: 'failed', cause: 'timeout', detail: 'as it was seen' };
    case 'unusable':
      return {
        kind: 'present',
        baseDomain: seenHost,
        records: [{ usage: 1, selector: 0, matchingType: 1, data }],
      };
    case 'pass':
    case 'fail':
      return {
        kind: 'present',
        baseDomain: seenHost,
        records: [{ usage: 3, selector: 1, matchingType: 1, data }],
      };
  }
}

function stsOf(seen: Sighting['policy']): StsFacts {
  const policy = (mode: 'none' | 'testing' | 'enforce', mx: string): StsFacts => ({
    kind: 'policy',
    policy: { mode, mx: [mx], maxAge: 86_400, extensions: [] },
    id: 'seen',
    refreshFailure: 'none',
  });
  switch (seen) {
    case 'unknown':
      return { kind: 'not_asked' };
    case 'none':
      return { kind: 'no_policy', failure: 'not_published' };
    case 'not_known':
      return { kind: 'unknown', failure: { reason: 'sts-policy-fetch-error', text: 'as it was seen' } };
    case 'mode_none':
      return policy('none', seenHost);
    case 'testing':
    case 'enforce':
      return policy(seen, seenHost);
    case 'testing_not_named':
      return policy('testing', 'other.invalid');
    case 'enforce_not_named':
      return policy('enforce', 'other.invalid');
  }
}
