/** What MX hosts and the listeners of this install show to senders with DANE, for each type of key that one may negotiate. */
import type { X509Certificate } from 'node:crypto';
import { discoverDestination } from '../dns/destination';
import type { Resolver } from '../dns/resolver';
import type { MxHostFacts } from '../dns/types';
import type { Failure } from '../failure';
import type { OutboundRule } from '../peers/rule';
import { decide } from '../policy/decide';
import { handshakeTerms } from '../policy/handshake_terms';
import { withOwnFault } from '../policy/own_fault';
import type { EncryptedRequirement } from '../policy/requirement';
import { judgeProbe } from '../probe/judge';
import { probeHost, type Probe } from '../probe/probe';
import type { Listener } from '../settings/haraka/listeners';
import type { TlsSession } from '../tls/session';
import { atText, keyFamilies, placesOf, type Place } from './places';
import { problemsOf, problemText } from './unsent';

/** One certificate at one place, and what a sender at `mandatory_dane` makes of it. */
export interface Shown {
  /** Address and port. */
  readonly at: string;
  readonly whose: 'mx' | 'listener';
  /** Such as `ec`, `rsa`; empty where no certificate was shown. */
  readonly key: string;
  readonly verdict:
    | { readonly kind: 'accepted'; readonly verified: string }
    | { readonly kind: 'refused'; readonly failure: Failure }
    /** It was not reached, or is no mail server now. */
    | { readonly kind: 'not_seen'; readonly problem: string };
  /** For what is to be held against it further; absent where there was no handshake. */
  readonly session?: TlsSession;
}

export interface ShownHost {
  readonly host: string;
  /** What DNS has of it; absent where the domain itself could not be looked up. */
  readonly facts?: MxHostFacts;
  /** What a certificate is held to, or why a sender at `mandatory_dane` does not even connect. */
  readonly held:
    | { readonly kind: 'to'; readonly requirement: EncryptedRequirement }
    | { readonly kind: 'refused'; readonly text: string };
  readonly shown: readonly Shown[];
}

export interface LookOptions {
  readonly resolver: Resolver;
  /** With which hosts are greeted. */
  readonly ehloName: string;
  readonly listeners: readonly Listener[];
  /** Whether a listener of this install serves as that host, as far as its certificates tell. */
  readonly isNamedHere: (host: string) => boolean;
  /** Milliseconds for one visit. */
  readonly visitMs: number;
  readonly progress: (line: string) => void;
}

/** The strictest sender there is: DANE or nothing (`dane-only` in Postfix). */
const strictest: OutboundRule = {
  name: 'a sender at mandatory_dane',
  level: 'mandatory_dane',
  minTlsVersion: 'by_requirement',
  match: [{ kind: 'hostname' }],
  extraRoots: undefined,
  fingerprints: [],
  actionOnFailure: 'defer',
  enforcement: 'enforce',
  cleartextFallback: 'never',
  insecureMx: 'dane',
  tlsReports: 'off',
  requireTls: 'enforce',
};

/** Looks at the MX hosts of `domain`. Never rejects. */
export async function lookAtHosts(domain: string, options: LookOptions): Promise<ShownHost[]> {
  const { resolver } = options;
  const [destination, probed] = await Promise.all([
    discoverDestination(resolver, domain, { dane: true, insecureMx: 'dane' }),
    resolver.probe(),
  ]);
  const facts =
    destination.kind === 'mx' ? destination.hosts : destination.kind === 'implicit' ? [destination.host] : [];
  const factsOf = new Map(facts.map((one) => [one.host, one]));
  const decision = withOwnFault(decide(strictest, { destination, sts: { kind: 'not_asked' } }), probed);
  if (decision.kind !== 'deliver') {
    const text = problemsOf(decision).map(problemText).join('; ');
    const names = facts.length === 0 ? [domain] : [...factsOf.keys()];
    return names.map((host) => ({ host, held: { kind: 'refused', text }, shown: [] }));
  }
  const refused = decision.refused.map(({ host, failure: { reason, text } }): ShownHost => {
    const known = factsOf.get(host);
    const held = { kind: 'refused', text: `${reason}: ${text}` } as const;
    return { host, ...(known === undefined ? {} : { facts: known }), held, shown: [] };
  });
  const seen = await Promise.all(
    decision.hosts.map(async (plan): Promise<ShownHost[]> => {
      const { requirement } = plan;
      const known = factsOf.get(plan.host);
      // Nothing less comes of the strictest rule.
      if (requirement.kind !== 'encrypted' || known === undefined) return [];
      const places = placesOf(plan, options);
      const shown = (await Promise.all(places.map((place) => lookAt(place, requirement, options)))).flat();
      return [{ host: plan.host, facts: known, held: { kind: 'to', requirement }, shown }];
    }),
  );
  return [...seen.flat(), ...refused];
}

/** What any sender gets, and what those get that take one type of key; each certificate once. */
async function lookAt(
  place: Place,
  requirement: EncryptedRequirement,
  options: LookOptions,
): Promise<Shown[]> {
  const visit = (address: string, signatures?: string) =>
    probeHost({
      address,
      port: place.port,
      ehloName: options.ehloName,
      deadlineMs: options.visitMs,
      handshake: {
        terms: handshakeTerms(requirement),
        haraka: {},
        certificate: 'none',
        hello: 'default',
        ...(signatures === undefined ? {} : { signatures }),
      },
    });
  let [address = ''] = place.addresses;
  let first: Probe | undefined;
  for (address of place.addresses) {
    first = await visit(address);
    if (first.kind !== 'unreachable') break;
  }
  if (first === undefined) return [];
  const at = atText(address, place.port);
  options.progress(`${at}: ${first.kind.replace('_', ' ')}`);
  if (first.kind !== 'encrypted') return [shownBy(first, { at, whose: place.whose }, requirement)];
  const others = await Promise.all(keyFamilies.map((family) => visit(address, family)));
  const found = new Map<string, Shown>();
  for (const probe of [first, ...others]) {
    const leaf = leafOf(probe);
    const key = leaf?.fingerprint256 ?? '';
    if (probe.kind === 'encrypted' && !found.has(key))
      found.set(key, shownBy(probe, { at, whose: place.whose }, requirement));
  }
  return [...found.values()];
}

function shownBy(probe: Probe, place: Pick<Shown, 'at' | 'whose'>, requirement: EncryptedRequirement): Shown {
  const verdict = judgeProbe(requirement, probe, new Date());
  const key = leafOf(probe)?.publicKey.asymmetricKeyType ?? '';
  const session = probe.kind === 'encrypted' ? { session: probe.session } : {};
  switch (verdict.kind) {
    case 'goes':
      return { ...place, key, verdict: { kind: 'accepted', verified: verdict.verified }, ...session };
    case 'refused':
      return { ...place, key, verdict: { kind: 'refused', failure: verdict.failure }, ...session };
    case 'unreachable':
      return { ...place, key, verdict: { kind: 'not_seen', problem: verdict.problem }, ...session };
  }
}

function leafOf(probe: Probe): X509Certificate | undefined {
  return probe.kind === 'encrypted' ? probe.session.certificates.chain()[0] : undefined;
}
