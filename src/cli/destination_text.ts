/** What was found out about a destination, in words. Pure. */
import type { Destination, MxHostFacts, RoutedHostFacts } from '../dns/types';
import type { StsFacts } from '../mta_sts/types';
import type { AnswerFacts } from '../policy/decide_answer';
import type { Standing } from '../policy/mx_answer';
import { undeliverable } from '../policy/undeliverable';
import { labelled } from './layout/paragraph';
import { table } from './layout/table';
import type { Output } from './output';

/** One line each, the hosts indented. */
export function destinationLines(output: Output, destination: Destination): string[] {
  switch (destination.kind) {
    case 'mx':
      return [
        ...fact(
          output,
          'MX',
          `${destination.domain}: ${destination.secure ? 'signed and validated' : 'insecure'}`,
        ),
        ...table(output, destination.hosts.map(hostRow), 2),
      ];
    case 'implicit':
      return [
        ...fact(output, 'MX', `none: ${destination.domain} is itself the host`),
        ...table(output, [hostRow(destination.host)], 2),
      ];
    case 'answered':
    case 'route':
      return [
        ...fact(output, 'route', destination.domain),
        ...table(output, destination.hosts.map(hostRow), 2),
      ];
    case 'literal':
      return fact(output, 'address', `${destination.address}: no DANE, no MTA-STS`);
    case 'null_mx':
    case 'no_such_domain':
      return fact(output, 'MX', undeliverable[destination.kind].text(destination.domain));
    case 'lookup_failed':
      return fact(output, 'MX', `${destination.domain}: the lookup failed: ${destination.failure.detail}`);
  }
}

/** The same of what a plugin answered to `get_mx`. */
export function answerLines(output: Output, { domain, by, hosts, own }: AnswerFacts): string[] {
  const whose = by ?? 'a plugin';
  const known =
    own.kind === 'failed'
      ? `${domain}: the lookup failed: ${own.detail}`
      : `${domain}: ${own.security === 'secure' ? 'signed and validated' : 'insecure'}: ${own.hosts.map(({ host }) => host).join(' ') || 'no host'}`;
  const asked = hosts.some(({ standing }) => standing.kind !== 'route');
  return [
    ...(asked ? fact(output, 'MX', known) : []),
    ...fact(output, 'answer', `of ${whose} to get_mx`),
    ...table(
      output,
      hosts.map(({ standing, facts }) => {
        const [, ...row] = hostRow(facts);
        return [standingText[standing.kind], ...row];
      }),
      2,
    ),
  ];
}

/** One fact beside what it is about. */
export function fact(output: Output, about: string, text: string): string[] {
  return labelled(output, about, [text], { width: 13 });
}

const standingText: Readonly<Record<Standing['kind'], string>> = {
  route: 'route',
  own_mx: 'MX host',
  forged: 'no MX host, from DNS',
  stray: 'neither MX host nor route',
  unknown: 'not known',
};

function hostRow({ host, preference, addresses, tlsa }: MxHostFacts | RoutedHostFacts): string[] {
  const found =
    addresses.kind === 'found'
      ? `${addresses.addresses.join(' ')} (${addresses.security.replace('_', ' ')})`
      : addresses.kind === 'failed'
        ? `addresses unknown: ${addresses.detail}`
        : addresses.kind === 'none'
          ? 'no address'
          : 'addresses not asked for';
  return [String(preference), host, found, tlsaText(tlsa)];
}

function tlsaText(tlsa: MxHostFacts['tlsa']): string {
  switch (tlsa.kind) {
    case 'not_asked':
      return 'TLSA not asked for';
    case 'absent':
      return 'no TLSA';
    case 'failed':
      return `TLSA unknown: ${tlsa.detail}`;
    case 'present':
      return `TLSA ${tlsa.records.map(({ usage, selector, matchingType }) => `${usage} ${selector} ${matchingType}`).join(', ')} at ${tlsa.baseDomain}`;
  }
}

/** One line. */
export function stsText(sts: StsFacts): string {
  if (sts.kind === 'not_asked') return 'not asked for';
  if (sts.kind === 'no_policy') {
    if (sts.failure === 'not_published') return 'no policy published';
    return `no policy: ${sts.failure.text.replace(/^MTA-STS policy:? /, '')}`;
  }
  if (sts.kind === 'unknown') return `not known: ${sts.failure.text}`;
  const refresh = sts.refreshFailure === 'none' ? '' : `; not refreshed: ${sts.refreshFailure.text}`;
  return `${sts.policy.mode}, id ${sts.id}, mx ${sts.policy.mx.join(' ')}, max_age ${sts.policy.maxAge}${refresh}`;
}
