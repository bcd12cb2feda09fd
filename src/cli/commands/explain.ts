/** `tls-peers explain`: which rule governs a message and why, and what a delivery would now be held to. */
import { discover } from '../../discovery/discover';
import type { AnsweredEntry } from '../../discovery/discover_answer';
import { findingText } from '../../dns/probe';
import type { Destination, MxHostFacts, RoutedHostFacts } from '../../dns/types';
import type { Failure } from '../../failure';
import type { StsFacts } from '../../mta_sts/types';
import {
  explainInbound,
  explainOutbound,
  type Explained,
  type InboundExplanation,
  type OutboundExplanation,
} from '../../peers/explain';
import type { OutboundRule } from '../../peers/rule';
import { ownerOf } from '../../peers/candidates';
import { networkSections } from '../../peers/index';
import { parseAddress } from '../../peers/network';
import { standing } from '../../peers/section';
import { decide } from '../../policy/decide';
import { withOwnFault } from '../../policy/own_fault';
import type { AnswerFacts } from '../../policy/decide_answer';
import type { MxAnswer, Standing } from '../../policy/mx_answer';
import type { Authentication, Decision, HostPlan, Requirement } from '../../policy/requirement';
import { show } from '../../settings/reload/changes';
import { formatFault } from '../../settings/schema/fault';
import { harakaTls } from '../../settings/haraka/outbound_tls';
import { outboundNotLoaded } from '../../settings/checks/not_loaded';
import { loadSettings } from '../../settings/load/load';
import { directorySource } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';
import { exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { answerOperand, lookAtAnswer } from '../mx_answer';
import { asHarakaDelivers, handshakeRemarks } from '../haraka_terms';
import { recipientDomain, senderDomain } from '../operands';
import { json, paint, table, warningLines, type Output, type Style } from '../output';
import { openSources } from '../sources';
import { problemsOf, problemText, whileInvalid } from '../unsent';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Say which rule governs a message, why, and what a delivery would now be held to.',
  operands: '[--offline | --mx HOSTS [--by PLUGIN]] FROM TO | --inbound [--ip ADDR] FROM TO',
  help: [
    'FROM and TO are addresses or domains; <> is the null sender.',
    '',
    '  --offline         ask no DNS: the rule only',
    '  --mx HOSTS        the hosts that a plugin answers to get_mx, with commas between them; HOST/NAME where it comes',
    "                    with from_dns = NAME, as Haraka's own MX look-up sets it",
    '  --by PLUGIN       the plugin that answers so',
    '  --inbound         the rule for a message that FROM sends to TO, a managed domain',
    '  --ip ADDR         the address of the client that sends it',
  ],
  options: {
    offline: { type: 'boolean' },
    mx: { type: 'string' },
    by: { type: 'string' },
    inbound: { type: 'boolean' },
    ip: { type: 'string' },
  },
  run: (context) => (context.options['inbound'] === true ? inbound(context) : outbound(context)),
};

async function outbound(context: Context): Promise<ExitCode> {
  const [from, to] = twoOperands(context);
  if (context.options['ip'] !== undefined) throw new UsageError('--ip goes with --inbound');
  const [sender, recipient] = [senderDomain(from), recipientDomain(to)];
  const answer = answerOperand(context.options, recipient);
  const source = directorySource(context.directory);
  const { settings } = loadSettings(source);
  const explanation = explainOutbound(settings, sender, recipient, context.today);
  const living =
    explanation.kind === 'explained' && context.options['offline'] !== true
      ? await look(settings, context.directory, explanation.rule, recipient, answer)
      : undefined;
  const warnings = outboundNotLoaded(source, settings, context.today).map(formatFault);
  if (context.json) context.output.print(json({ ...explanation, ...living, warnings }));
  else {
    reportOutbound(context.output, explanation, living);
    for (const line of warningLines(context.output, warnings)) context.output.print(line);
  }
  if (explanation.kind === 'invalid') return exit.findings;
  return living === undefined || (living.decision.kind === 'deliver' && living.decision.hosts.length > 0)
    ? exit.ok
    : exit.findings;
}

function inbound(context: Context): Promise<ExitCode> {
  const [from, to] = twoOperands(context);
  if (context.options['mx'] !== undefined || context.options['by'] !== undefined)
    throw new UsageError('--mx and --by do not go with --inbound');
  const ip = context.options['ip'] ?? '';
  if (typeof ip !== 'string' || (ip !== '' && parseAddress(ip) === undefined))
    throw new UsageError(`no address: ${String(ip)}`);
  const peer = { ip, senderDomain: senderDomain(from) };
  const recipient = recipientDomain(to);
  const { settings } = loadSettings(directorySource(context.directory));
  const explanation = explainInbound(settings, recipient, peer, context.today);
  const warnings = ip === '' ? networksLeftOut(settings, recipient, context.today) : [];
  if (context.json) context.output.print(json({ ...explanation, warnings }));
  else {
    reportInbound(context.output, explanation);
    for (const line of warningLines(context.output, warnings)) context.output.print(line);
  }
  return Promise.resolve(explanation.kind === 'invalid' ? exit.findings : exit.ok);
}

/** Without an address no rule for a network is a candidate, although one might win. */
function networksLeftOut(settings: Settings, recipient: string, today: string): string[] {
  const owner = ownerOf(settings, recipient);
  if (owner.kind !== 'managed') return [];
  const applying = [...networkSections(owner.domain.inboundPeers)].filter(
    (section) => standing(section, today) === 'applies',
  ).length;
  const rules = applying === 1 ? '1 rule for a network was' : `${applying} rules for networks were`;
  return applying === 0 ? [] : [`${rules} left out: name the client with --ip`];
}

function twoOperands({ operands }: Context): [string, string] {
  const [from, to, ...more] = operands;
  if (from === undefined || to === undefined || more.length > 0)
    throw new UsageError('FROM and TO are needed');
  return [from, to];
}

interface Living {
  /** Whether each resolver validates, and what to do where it does not. */
  readonly resolver: readonly string[];
  readonly destination: Destination | AnswerFacts;
  readonly sts: StsFacts;
  readonly decision: Decision;
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
}

async function look(
  settings: Settings,
  directory: string,
  rule: OutboundRule,
  to: string,
  answer: MxAnswer<AnsweredEntry> | 'none',
): Promise<Living> {
  const sources = openSources(settings.global, directory);
  try {
    const signal = AbortSignal.timeout(settings.global.timeouts.decision * 1000);
    const [{ destination, sts, decision: decided }, probed] = await Promise.all([
      answer === 'none'
        ? discover(sources, rule, to, { signal }).then((facts) => ({
            ...facts,
            decision: decide(rule, facts),
          }))
        : lookAtAnswer(settings, sources, rule, to, answer, { signal }),
      sources.resolver.probe(),
    ]);
    const resolver = probed.findings.map((finding) => findingText(finding, probed.question));
    const tls = harakaTls(directorySource(directory));
    const decision = asHarakaDelivers(withOwnFault(decided, probed), tls, to);
    return { resolver, destination, sts, decision, haraka: handshakeRemarks(tls) };
  } finally {
    await sources.close();
  }
}

function reportOutbound(output: Output, explanation: OutboundExplanation, living: Living | undefined): void {
  if (explanation.kind === 'invalid') {
    reportInvalid(output, explanation.failure);
    return;
  }
  reportRule(output, explanation);
  if (living === undefined) return;
  output.print('');
  for (const line of living.resolver) output.print(`DNSSEC       ${line}`);
  const { destination } = living;
  const found =
    'by' in destination ? answerLines(output, destination) : destinationLines(output, destination);
  for (const line of found) output.print(line);
  output.print(`MTA-STS      ${stsText(living.sts)}`);
  output.print('');
  for (const line of decisionLines(output, living.decision)) output.print(line);
  for (const line of living.haraka) output.print(paint(output, 'dim', line));
}

function reportInbound(output: Output, explanation: InboundExplanation): void {
  if (explanation.kind === 'invalid') reportInvalid(output, explanation.failure);
  else reportRule(output, explanation);
}

function reportInvalid(output: Output, { text }: Failure): void {
  output.print(`${paint(output, 'red', 'invalid')}  ${text}`);
  output.print(whileInvalid);
}

const outcomeStyle: Readonly<Record<string, Style>> = {
  wins: 'green',
  outranked: 'dim',
  disabled: 'yellow',
  lapsed: 'yellow',
};

function reportRule(
  output: Output,
  { managed, candidates, keys, rule }: Explained<{ readonly name: string }>,
): void {
  output.print(`managed      ${managed}`);
  output.print(`rule         ${paint(output, 'bold', rule.name)}`);
  output.print('');
  const rows = candidates.map(({ name, place, outcome, why }) => [
    { text: outcome, style: outcomeStyle[outcome] ?? ('dim' as const) },
    name,
    place,
    why,
  ]);
  for (const line of table(output, rows)) output.print(line);
  output.print('');
  const values = keys.map(({ key, value, origin }) => [
    key,
    valueText(key, value),
    { text: origin, style: 'dim' as const },
  ]);
  for (const line of table(output, values)) output.print(line);
}

/** The settings hold what is in a `ca_file`, which is of little use to a reader. */
function valueText(key: string, value: unknown): string {
  if (key !== 'ca_file' || typeof value !== 'string' || value === '') return show(value);
  const count = value.split('BEGIN CERTIFICATE').length - 1;
  return `${count} ${count === 1 ? 'certificate' : 'certificates'}`;
}

function destinationLines(output: Output, destination: Destination): string[] {
  switch (destination.kind) {
    case 'mx':
      return [
        `MX           ${destination.domain}: ${destination.secure ? 'signed and validated' : 'insecure'}`,
        ...table(output, destination.hosts.map(hostRow), '  '),
      ];
    case 'implicit':
      return [
        `MX           none: ${destination.domain} is itself the host`,
        ...table(output, [hostRow(destination.host)], '  '),
      ];
    case 'answered':
    case 'route':
      return [`route        ${destination.domain}`, ...table(output, destination.hosts.map(hostRow), '  ')];
    case 'literal':
      return [`address      ${destination.address}: no DANE, no MTA-STS`];
    case 'null_mx':
      return [`MX           ${destination.domain} takes no mail (null MX, RFC 7505)`];
    case 'no_such_domain':
      return [`MX           ${destination.domain} does not exist`];
    case 'lookup_failed':
      return [`MX           ${destination.domain}: the lookup failed: ${destination.failure.detail}`];
  }
}

function answerLines(output: Output, { domain, by, hosts, own }: AnswerFacts): string[] {
  const whose = by === '' ? 'a plugin' : by;
  const known =
    own.kind === 'failed'
      ? `MX           ${domain}: the lookup failed: ${own.detail}`
      : `MX           ${domain}: ${own.security === 'secure' ? 'signed and validated' : 'insecure'}: ${own.hosts.map(({ host }) => host).join(' ')}`;
  const asked = hosts.some(({ standing }) => standing.kind !== 'route');
  return [
    ...(asked ? [known] : []),
    `answer       of ${whose} to get_mx`,
    ...table(
      output,
      hosts.map(({ standing, facts }) => {
        const [, ...row] = hostRow(facts);
        return [standingText[standing.kind], ...row];
      }),
      '  ',
    ),
  ];
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

function stsText(sts: StsFacts): string {
  if (sts.kind === 'not_asked') return 'not asked for';
  if (sts.kind === 'no_policy') {
    if (sts.failure === 'not_published') return 'no policy published';
    return `no policy: ${sts.failure.text.replace(/^MTA-STS policy:? /, '')}`;
  }
  if (sts.kind === 'unknown') return `not known: ${sts.failure.text}`;
  const refresh = sts.refreshFailure === 'none' ? '' : `; not refreshed: ${sts.refreshFailure.text}`;
  return `${sts.policy.mode}, id ${sts.id}, mx ${sts.policy.mx.join(' ')}, max_age ${sts.policy.maxAge}${refresh}`;
}

function decisionLines(output: Output, decision: Decision): string[] {
  if (decision.kind !== 'deliver') {
    const fate = paint(output, 'red', decision.kind === 'defer' ? 'deferred' : 'undeliverable');
    return problemsOf(decision).map((problem) => `${fate}  ${problemText(problem)}`);
  }
  const plans = decision.hosts.map((plan) => [
    { text: 'try', style: 'green' as const },
    plan.host,
    requirementText(plan.requirement),
    discoveredText(plan),
  ]);
  const refused = decision.refused.map(({ host, failure, discovered }) => [
    { text: 'refuse', style: 'red' as const },
    host,
    `${failure.reason}: ${failure.text}`,
    discovered,
  ]);
  return table(output, [...plans, ...refused]);
}

function discoveredText({ discovered, recorded }: HostPlan): string {
  return [discovered, ...recorded.map(({ reason }) => `recorded ${reason}`)].join('; ');
}

/** One line for people. */
export function requirementText(requirement: Requirement): string {
  switch (requirement.kind) {
    case 'cleartext':
      return `cleartext (${requirement.because})`;
    case 'encrypted':
      return `${requirement.minVersion} or newer, ${authenticationText(requirement.authentication)} (${requirement.because})${watchedText(requirement)}`;
    case 'opportunistic':
      return `TLS if offered (${requirement.minVersion} or newer), cleartext_fallback ${requirement.cleartextFallback} (${requirement.because})${watchedText(requirement)}`;
  }
}

function watchedText({ observe }: Exclude<Requirement, { kind: 'cleartext' }>): string {
  return observe === 'nothing' ? '' : `; observed: ${requirementText(observe)}`;
}

function authenticationText(authentication: Authentication): string {
  switch (authentication.kind) {
    case 'none':
      return 'no authentication';
    case 'dane':
      return `DANE at ${authentication.dane.baseDomain}`;
    case 'pkix':
      return `PKIX for ${pkixNames(authentication.pkix)}`;
    case 'dane_and_pkix':
      return `DANE at ${authentication.dane.baseDomain} and PKIX for ${pkixNames(authentication.pkix)}`;
    case 'fingerprints':
      return `one of ${authentication.sha256.length} certificates`;
  }
}

function pkixNames(pkix: Extract<Authentication, { kind: 'pkix' }>['pkix']): string {
  return [...pkix.names, ...pkix.below.map((domain) => `*.${domain}`)].join(' or ');
}
