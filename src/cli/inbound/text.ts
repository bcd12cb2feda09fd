/** What a peer would see of this Haraka, for people. Pure. */
import type { InboundExplanation } from '../../peers/explain';
import { paragraph } from '../layout/paragraph';
import { stacked, table } from '../layout/table';
import type { Cell, Output } from '../output';
import { whileInvalid } from '../unsent';
import { versionText, type Finding } from './findings';
import { versions, type PlaceSeen } from './look';
import type { DomainReport, HostReport, InboundReport } from './report';

/** Which rule a peer would meet with mail to one domain. */
export interface MetRule {
  readonly domain: string;
  readonly explanation: InboundExplanation;
}

export function inboundLines(
  output: Output,
  report: InboundReport,
  rules: readonly MetRule[],
  findings: readonly Finding[],
): string[] {
  const bold = (text: string) => paragraph(output, [{ text, style: 'bold' }]);
  return [
    ...bold('listeners'),
    ...placeLines(
      output,
      report.listeners.map((place) => ({ whose: place.tls === 'from_start' ? 'SMTPS' : 'SMTP', place })),
    ),
    ...report.domains.flatMap((domain) => ['', ...domainLines(output, domain)]),
    ...(rules.length === 0 ? [] : ['', ...bold('rules'), ...table(output, rules.map(ruleRow), 2)]),
    '',
    ...findingLines(output, findings),
  ];
}

function placeLines(
  output: Output,
  places: readonly { readonly whose: string; readonly place: PlaceSeen }[],
): string[] {
  const rows = places.map(({ whose, place }) => ({
    head: [stateCell(place), whose, place.at],
    facts: [versionsText(place), ...place.certificates.map(certificateText)],
  }));
  if (output.width === undefined)
    return table(
      output,
      rows.map(({ head, facts: [first = '', ...more] }) => [...head, first, more.join('; ')]),
      2,
    );
  return rows.flatMap(({ head, facts }) => stacked(output, head, facts, 2));
}

function stateCell({ state, tls }: PlaceSeen): Cell {
  switch (state.kind) {
    case 'tls':
      return { text: tls === 'from_start' ? 'TLS' : 'STARTTLS', style: 'green' };
    case 'no_tls':
      return { text: 'no TLS', style: 'red' };
    case 'not_seen':
      return { text: 'not seen', style: 'yellow' };
  }
}

function versionsText({ state, versions: seen }: PlaceSeen): string {
  if (state.kind !== 'tls') return state.text;
  const of = (kind: string) => versions.filter((version) => seen[version]?.kind === kind).map(versionText);
  const [taken, refused] = [of('taken'), of('refused')];
  return [taken.length === 0 ? '' : taken.join(', '), refused.length === 0 ? '' : `not ${refused.join(', ')}`]
    .filter(Boolean)
    .join('; ');
}

function certificateText({ key, names, expires, pkix }: PlaceSeen['certificates'][number]): string {
  return `${key.toUpperCase()} certificate for ${names} until ${expires.slice(0, 10)}: ${pkix === 'pass' ? 'trusted' : pkix}`;
}

function domainLines(output: Output, report: DomainReport): string[] {
  const { domain, policy, hosts } = report;
  return [
    ...paragraph(output, [{ text: domain, style: 'bold' }, policyText(policy)]),
    ...hosts.flatMap((host) => [
      ...paragraph(output, [host.host, hostText(host)], { indent: 2, hanging: 4 }),
      ...placeLines(
        output,
        host.places.map((place) => ({ whose: '', place })),
      ).map((line) => `  ${line}`),
    ]),
  ];
}

function policyText(policy: DomainReport['policy']): string {
  switch (policy.kind) {
    case 'policy':
      return `MTA-STS ${policy.mode}${policy.source === 'hosted' ? '' : ', served elsewhere'}`;
    case 'none':
      return 'no MTA-STS policy';
    case 'unknown':
      return `MTA-STS policy not known: ${policy.problem}`;
  }
}

function hostText({ covered, tlsa, dane }: HostReport): string {
  const policy = { yes: 'named by the policy', no: 'not named by the policy', no_policy: '', unknown: '' }[
    covered
  ];
  const records = {
    present: `TLSA records: ${dane.dane}`,
    absent: 'no TLSA records',
    failed: 'TLSA records cannot be looked up',
    not_asked: 'no DANE',
  }[tlsa];
  return [policy, records].filter(Boolean).join('; ');
}

function ruleRow({ domain, explanation }: MetRule): (string | Cell)[] {
  if (explanation.kind === 'invalid') return [domain, { text: 'invalid', style: 'red' }, whileInvalid];
  const { name, level, minTlsVersion, enforcement } = explanation.rule;
  const monitored = enforcement === 'monitor' ? ', only watched' : '';
  return [domain, `${level}, min_tls_version ${minTlsVersion}${monitored}`, name];
}

function findingLines(output: Output, findings: readonly Finding[]): string[] {
  const rows = findings.map(({ severity, at, text }): (string | Cell)[] => [
    { text: severity, style: severity === 'wrong' ? 'red' : 'yellow' },
    `${at}: ${text}`,
  ]);
  return rows.length === 0
    ? [...paragraph(output, [{ text: 'nothing is wrong', style: 'green' }])]
    : table(output, rows);
}
