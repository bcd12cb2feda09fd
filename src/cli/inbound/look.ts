/** What a peer sees of one place where mail is taken: STARTTLS, each TLS version by itself, and every certificate. */
import { checkSession } from '../../policy/session';
import { handshakeTerms } from '../../policy/handshake_terms';
import type {
  EncryptedRequirement,
  OpportunisticRequirement,
  TlsRequirement,
} from '../../policy/requirement';
import { sniOf } from '../../policy/sni';
import { probeImplicitTls } from '../../probe/implicit_tls';
import { probeHost, type Probe } from '../../probe/probe';
import type { TlsListener } from '../../settings/haraka/listeners';
import type { TlsVersion } from '../../tls/version';
import { atText, keyFamilies, reachableAt } from '../places';

export const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const satisfies readonly TlsVersion[];

export type VersionSeen =
  | { readonly kind: 'taken'; readonly cipher: string }
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'not_seen'; readonly text: string };

/** One certificate, and what a sender makes of it that looks for a trusted chain and the name. */
export interface CertificateSeen {
  /** Such as `ec`, `rsa`. */
  readonly key: string;
  readonly names: string;
  /** ISO 8601. */
  readonly expires: string;
  /** `pass`, or why not. */
  readonly pkix: string;
}

export interface PlaceSeen {
  /** Address and port. */
  readonly at: string;
  readonly tls: TlsListener['tls'];
  /** The name that was asked for, and that certificates are held against. */
  readonly name: string;
  readonly state:
    | { readonly kind: 'tls' }
    /** It takes mail, and no TLS, or none with which a handshake could be done. */
    | { readonly kind: 'no_tls'; readonly text: string }
    | { readonly kind: 'not_seen'; readonly text: string };
  /** Empty where there is no TLS. */
  readonly versions: Readonly<Partial<Record<TlsVersion, VersionSeen>>>;
  readonly certificates: readonly CertificateSeen[];
}

export interface LookAtOptions {
  readonly ehloName: string;
  /** Milliseconds for one visit. */
  readonly visitMs: number;
  readonly now: Date;
  /** `only_ordinary`: nothing is tried that may fail where an ordinary sender would not. */
  readonly handshakes: 'every_version' | 'only_ordinary';
}

export interface LookedAt {
  /** The first that answers stands for all of them. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly tls: TlsListener['tls'];
  readonly name: string;
}

export function placeOf({ address, port, tls }: TlsListener, name: string): LookedAt {
  return { addresses: reachableAt(address), port, tls, name };
}

/** Never rejects, and each visit has its deadline. */
export async function lookAtPlace(place: LookedAt, options: LookAtOptions): Promise<PlaceSeen> {
  const { port, tls, name } = place;
  let [address = ''] = place.addresses;
  let first: Probe | undefined;
  for (address of place.addresses) {
    first = await visit(place, address, anyTls(name), options);
    if (first.kind !== 'unreachable') break;
  }
  const seen = { at: atText(address, port), tls, name };
  const nothing = { versions: {}, certificates: [] };
  if (first === undefined) return { ...seen, state: { kind: 'not_seen', text: 'no address' }, ...nothing };
  if (first.kind === 'unreachable' || first.kind === 'no_dialogue')
    return { ...seen, state: { kind: 'not_seen', text: first.problem }, ...nothing };
  const isOffered =
    first.kind === 'encrypted' ||
    (first.kind === 'no_tls' && first.failure.reason !== 'starttls-not-supported');
  if (!isOffered)
    return {
      ...seen,
      state: {
        kind: 'no_tls',
        text: first.kind === 'no_tls' ? first.failure.text : 'STARTTLS is not offered',
      },
      ...nothing,
    };
  const [byVersion, certificates] = await Promise.all([
    versionsAt(place, address, options),
    certificatesAt(place, address, options),
  ]);
  const isTaken = Object.values(byVersion).some(({ kind }) => kind === 'taken');
  return {
    ...seen,
    state:
      isTaken || first.kind === 'encrypted'
        ? { kind: 'tls' }
        : { kind: 'no_tls', text: first.kind === 'no_tls' ? first.failure.text : '' },
    versions: byVersion,
    certificates,
  };
}

function visit(
  { port, tls }: LookedAt,
  address: string,
  asked: { readonly requirement: TlsRequirement; readonly newest?: TlsVersion; readonly signatures?: string },
  { ehloName, visitMs: deadlineMs }: LookAtOptions,
): Promise<Probe> {
  const { requirement, newest, signatures } = asked;
  const handshake = {
    terms: handshakeTerms(requirement),
    haraka: newest === undefined ? {} : { maxVersion: newest },
    certificate: 'none',
    hello: 'default',
    ...(signatures === undefined ? {} : { signatures }),
  } as const;
  return tls === 'from_start'
    ? probeImplicitTls({ address, port, handshake, deadlineMs })
    : probeHost({ address, port, ehloName, handshake, deadlineMs });
}

/** As any sender comes that would take cleartext as well. */
function anyTls(name: string, minVersion: TlsVersion = 'TLSv1') {
  const requirement: OpportunisticRequirement = {
    kind: 'opportunistic',
    minVersion,
    cleartextFallback: 'handshake_failure',
    serverName: sniOf(name),
    observe: undefined,
    because: 'opportunistic',
  };
  return { requirement };
}

const notTried =
  'not tried, for a handshake that fails keeps STARTTLS from this machine for an hour (disable_for_failed_hosts in tls.ini)';

async function versionsAt(
  place: LookedAt,
  address: string,
  options: LookAtOptions,
): Promise<Record<TlsVersion, VersionSeen>> {
  if (options.handshakes === 'only_ordinary') {
    const untried = { kind: 'not_seen', text: notTried } as const;
    return { TLSv1: untried, 'TLSv1.1': untried, 'TLSv1.2': untried, 'TLSv1.3': untried };
  }
  const seen = await Promise.all(
    versions.map(async (version) => {
      const asked = { ...anyTls(place.name, version), newest: version };
      return [version, versionSeen(await visit(place, address, asked, options))] as const;
    }),
  );
  return Object.fromEntries(seen) as Record<TlsVersion, VersionSeen>;
}

function versionSeen(probe: Probe): VersionSeen {
  switch (probe.kind) {
    case 'encrypted':
      return { kind: 'taken', cipher: probe.session.cipher };
    case 'no_tls':
      return { kind: 'refused', text: probe.failure.text };
    case 'unreachable':
    case 'no_dialogue':
      return { kind: 'not_seen', text: probe.problem };
    case 'cleartext':
      return { kind: 'not_seen', text: 'TLS was not asked for' };
  }
}

/** What any sender gets, and what those get that take one type of key; each certificate once. */
async function certificatesAt(
  place: LookedAt,
  address: string,
  options: LookAtOptions,
): Promise<CertificateSeen[]> {
  const requirement = pkixRequirement(place.name);
  const probes = await Promise.all(
    [undefined, ...(options.handshakes === 'every_version' ? keyFamilies : [])].map((signatures) =>
      visit(place, address, { requirement, ...(signatures === undefined ? {} : { signatures }) }, options),
    ),
  );
  const found = new Map<string, CertificateSeen>();
  for (const probe of probes) {
    if (probe.kind !== 'encrypted') continue;
    const [leaf] = probe.session.certificates.chain();
    if (leaf === undefined || found.has(leaf.fingerprint256)) continue;
    const verdict = checkSession(requirement, probe.session, options.now);
    found.set(leaf.fingerprint256, {
      key: leaf.publicKey.asymmetricKeyType ?? '',
      names: (leaf.subjectAltName ?? '').replaceAll('DNS:', ''),
      expires: new Date(leaf.validTo).toISOString(),
      pkix: verdict.kind === 'met' ? 'pass' : `${verdict.failure.reason}: ${verdict.failure.text}`,
    });
  }
  return [...found.values()];
}

/** What a sender at `verify`, or under an MTA-STS policy, asks. */
function pkixRequirement(name: string): EncryptedRequirement {
  return {
    kind: 'encrypted',
    minVersion: 'TLSv1.2',
    authentication: { kind: 'pkix', pkix: { names: [name], subdomains: [], extraRoots: undefined } },
    serverName: sniOf(name),
    observe: undefined,
    because: 'verify',
  };
}
