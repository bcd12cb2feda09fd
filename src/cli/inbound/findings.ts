/** What is wrong with what a peer sees of this Haraka. Pure. */
import type { InboundRule } from '../../peers/rule';
import { minimumVersion } from '../../policy/minimum_version';
import { compareVersions, type TlsVersion } from '../../tls/version';
import { versions, type PlaceSeen } from './look';
import type { DomainReport, HostReport, InboundReport } from './report';

export interface Finding {
  /** `wrong`: mail of some senders fails or goes unprotected; `warning`: it may come to that, or could not be seen. */
  readonly severity: 'wrong' | 'warning';
  /** A listener, an MX host, or a rule. */
  readonly at: string;
  readonly text: string;
}

/** @param rules those about mail that comes in, which are written and apply */
export function findingsOn(report: InboundReport, rules: readonly InboundRule[], now: Date): Finding[] {
  const listeners = report.listeners.flatMap((place) => [
    ...(place.state.kind === 'not_seen'
      ? [wrong(listenerText(place), `not reached: ${place.state.text}`)]
      : []),
    ...placeFindings(place, listenerText(place), now),
  ]);
  return [
    ...listeners,
    ...(report.listeners.length === 0
      ? [warning('smtp.ini', 'names no listener with an address and a port, so none was looked at')]
      : []),
    ...report.listeners.flatMap((place) => unmetRules(place, rules)),
    ...report.domains.flatMap((domain) => domainFindings(domain, now)),
  ];
}

function wrong(at: string, text: string): Finding {
  return { severity: 'wrong', at, text };
}

function warning(at: string, text: string): Finding {
  return { severity: 'warning', at, text };
}

function listenerText({ at, tls }: PlaceSeen): string {
  return `${tls === 'from_start' ? 'SMTPS listener' : 'listener'} at ${at}`;
}

const day = 86_400_000;
const soon = 14 * day;

/** Of any place that was reached. */
function placeFindings(place: PlaceSeen, at: string, now: Date): Finding[] {
  if (place.state.kind === 'no_tls')
    return place.tls === 'switched_off'
      ? [warning(at, 'no TLS, as no_starttls_ports of tls.ini wants it')]
      : [wrong(at, `no TLS: ${place.state.text}`)];
  return [...versionFindings(place, at), ...certificateFindings(place, at, now)];
}

function versionFindings({ state, versions: seen }: PlaceSeen, at: string): Finding[] {
  if (state.kind !== 'tls') return [];
  const kindOf = (version: TlsVersion) => seen[version]?.kind;
  const unseen = Object.values(seen).find((one) => one.kind === 'not_seen');
  const old = (['TLSv1', 'TLSv1.1'] as const).filter((version) => kindOf(version) === 'taken');
  return [
    ...(kindOf('TLSv1.2') === 'refused'
      ? [wrong(at, 'refuses TLS 1.2, which many senders have at most')]
      : []),
    ...(kindOf('TLSv1.3') === 'refused' ? [warning(at, 'refuses TLS 1.3')] : []),
    ...(old.length > 0 ? [warning(at, `still takes ${old.map(versionText).join(' and ')} (RFC 8996)`)] : []),
    ...(unseen?.kind === 'not_seen' ? [warning(at, `not all TLS versions were seen: ${unseen.text}`)] : []),
  ];
}

export function versionText(version: TlsVersion): string {
  return `TLS ${version === 'TLSv1' ? '1.0' : version.slice('TLSv'.length)}`;
}

function certificateFindings({ certificates }: PlaceSeen, at: string, now: Date): Finding[] {
  return certificates.flatMap(({ key, expires }) => {
    const left = Date.parse(expires) - now.getTime();
    const whose = `its ${key.toUpperCase()} certificate`;
    if (left <= 0) return [wrong(at, `${whose} expired ${expires.slice(0, 10)}`)];
    return left < soon ? [warning(at, `${whose} expires ${expires.slice(0, 10)}`)] : [];
  });
}

/** Rules that ask for a version which this listener does not take: whoever comes there is refused. */
function unmetRules(place: PlaceSeen, rules: readonly InboundRule[]): Finding[] {
  const newest = versions.filter((version) => place.versions[version]?.kind === 'taken').at(-1);
  return rules
    .filter(({ enforcement }) => enforcement === 'enforce')
    .flatMap(({ name, level, minTlsVersion }) => {
      if (place.state.kind === 'no_tls')
        return level === 'mandatory' && place.tls !== 'switched_off'
          ? [wrong(name, `nobody meets it at the ${listenerText(place)}: it offers no TLS`)]
          : [];
      const minimum = minimumVersion(minTlsVersion, 'none');
      if (newest === undefined || minTlsVersion === 'none' || compareVersions(newest, minimum) >= 0)
        return [];
      return [
        wrong(name, `nobody meets it at the ${listenerText(place)}: it asks for ${versionText(minimum)}`),
      ];
    });
}

function domainFindings(report: DomainReport, now: Date): Finding[] {
  const { domain, policy, rollout, hosts } = report;
  return [
    ...(policy.kind === 'unknown' ? [warning(domain, `its policy is not known: ${policy.problem}`)] : []),
    ...(hosts.length === 0 ? [warning(domain, 'no MX host was found')] : []),
    ...hosts.flatMap((host) => hostFindings(host, report, now)),
    ...rollout.map(({ severity, text }) => ({
      severity: severity === 'error' ? ('wrong' as const) : ('warning' as const),
      at: domain,
      text,
    })),
  ];
}

function hostFindings(host: HostReport, { policy, domain }: DomainReport, now: Date): Finding[] {
  const enforced = policy.kind === 'policy' && policy.mode === 'enforce';
  // What is served from here is checked as a whole.
  const checkedElsewhere = policy.kind === 'policy' && policy.source === 'hosted';
  const at = `${host.host} (MX of ${domain})`;
  const uncovered =
    host.covered === 'no' && !checkedElsewhere
      ? [
          {
            ...warning(at, 'no mx of the policy names it'),
            severity: enforced ? ('wrong' as const) : ('warning' as const),
          },
        ]
      : [];
  return [
    ...uncovered,
    ...(host.places.length === 0 ? [warning(at, `not seen: ${host.dane.why || 'no address'}`)] : []),
    ...daneFindings(host, at),
    ...host.places.flatMap((place) => {
      const where = `${host.host} at ${place.at} (MX of ${domain})`;
      if (place.state.kind === 'not_seen')
        return [warning(where, `could not be seen from here: ${place.state.text}`)];
      const untrusted = place.certificates.filter(({ pkix }) => pkix !== 'pass');
      return [
        ...placeFindings(place, where, now),
        ...untrusted.map(({ key, pkix }) => ({
          severity: enforced ? ('wrong' as const) : ('warning' as const),
          at: where,
          text: `senders that verify do not deliver: ${key.toUpperCase()} certificate: ${pkix}`,
        })),
      ];
    }),
  ];
}

function daneFindings({ tlsa, dane }: HostReport, at: string): Finding[] {
  if (tlsa === 'failed') return [wrong(at, `senders with DANE do not deliver: ${dane.why}`)];
  if (tlsa !== 'present') return [];
  switch (dane.dane) {
    case 'accepted':
      return [];
    case 'unknown':
      return [warning(at, 'it publishes TLSA records, and what it shows was not seen')];
    case 'refused':
    case 'partly': {
      const refused = dane.shown.filter(({ kind }) => kind === 'refused');
      const whys =
        dane.why !== '' ? [dane.why] : refused.map(({ at: where, key, text }) => `${where} ${key}: ${text}`);
      return whys.map((why) => wrong(at, `senders with DANE do not deliver: ${why}`));
    }
  }
}
