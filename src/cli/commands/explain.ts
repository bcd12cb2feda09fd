/** `tls-peers explain`: which rule governs a message and why, and what a delivery would now be held to. */
import { withDeadline } from '../../deadline';
import { discover } from '../../discovery/discover';
import type { AnsweredEntry } from '../../discovery/discover_answer';
import { findingText } from '../../dns/probe';
import type { Destination } from '../../dns/types';
import { peerName } from '../../evidence/peer_name';
import type { PeerTraffic } from '../../evidence/views/traffic';
import type { Failure } from '../../failure';
import type { StsFacts } from '../../mta_sts/types';
import { isForAll, managedDomain, ownerOf } from '../../peers/candidates';
import type { Day } from '../../peers/day';
import {
  explainInbound,
  explainOutbound,
  type InboundExplanation,
  type OutboundExplanation,
} from '../../peers/explain';
import { networkSections } from '../../peers/index';
import { parseAddress } from '../../peers/network';
import type { OutboundRule } from '../../peers/rule';
import { standing } from '../../peers/section';
import { decide } from '../../policy/decide';
import type { AnswerFacts } from '../../policy/decide_answer';
import type { MxAnswer } from '../../policy/mx_answer';
import { withOwnFault } from '../../policy/own_fault';
import type { Decision } from '../../policy/requirement';
import { outboundNotLoaded } from '../../settings/checks/not_loaded';
import { harakaTls } from '../../settings/haraka/outbound_tls';
import { loadSettings } from '../../settings/load/load';
import { formatFault } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { asHaraka, exit, UsageError, type Context, type ExitCode } from '../command';
import { decisionLines } from '../decision_text';
import { answerLines, destinationLines, fact, stsText } from '../destination_text';
import { inboundSentence, outboundSentence } from '../explain_sentence';
import { asHarakaDelivers, handshakeRemarks } from '../haraka_terms';
import { answerOperand, lookAtAnswer } from '../answer_operand';
import { lastWeek } from '../evidence';
import { recipientDomain, senderDomain } from '../operands';
import { labelled, paragraph } from '../layout/paragraph';
import { warningLines } from '../layout/warning';
import { json, type Output } from '../output';
import { ruleLines } from '../rule_text';
import { openSources } from '../sources';
import { whileInvalid } from '../unsent';
import { viewpointRemarks } from '../viewpoint';

export const explainCommand = asHaraka({
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
  look: (context) => {
    twoOperands(context);
    return Promise.resolve(undefined);
  },
  judge: (context) => (context.options['inbound'] === true ? inbound(context) : outbound(context)),
});

async function outbound(context: Context): Promise<ExitCode> {
  const [from, to] = twoOperands(context);
  if (context.options['ip'] !== undefined) throw new UsageError('--ip goes with --inbound');
  const [sender, recipient] = [senderDomain(from), recipientDomain(to)];
  const answer = answerOperand(context.options, recipient);
  const { source } = context;
  const { settings } = loadSettings(source);
  const explanation = explainOutbound(settings, sender, recipient, context.today);
  const seen =
    explanation.kind === 'explained' && context.options['offline'] !== true
      ? await discoverNow(settings, context, { rule: explanation.rule, domain: recipient, answer })
      : undefined;
  const warnings = [
    ...remarksOf(explanation),
    ...outboundNotLoaded({ source, settings, today: context.today }).map(formatFault),
    ...viewpointRemarks(context.viewpoint),
  ];
  const managed = managedDomain(settings, sender);
  const traffic = await lastWeek(context, settings, { managed, direction: 'out', peer: peerName(recipient) });
  if (context.json)
    context.output.print(json({ ...explanation, remarks: undefined, ...seen, traffic, warnings }));
  else {
    reportOutbound(context.output, { from, to }, explanation, seen);
    reportTraffic(context.output, traffic);
    for (const line of warningLines(context.output, warnings)) context.output.print(line);
  }
  if (explanation.kind === 'invalid') return exit.findings;
  return seen === undefined || (seen.decision.kind === 'deliver' && seen.decision.hosts.length > 0)
    ? exit.ok
    : exit.findings;
}

async function inbound(context: Context): Promise<ExitCode> {
  const [from, to] = twoOperands(context);
  if (context.options['mx'] !== undefined || context.options['by'] !== undefined)
    throw new UsageError('--mx and --by do not go with --inbound');
  const ip = context.options['ip'] ?? '';
  if (typeof ip !== 'string' || (ip !== '' && parseAddress(ip) === undefined))
    throw new UsageError(`no address: ${String(ip)}`);
  const peer = { ip, senderDomain: senderDomain(from) };
  const recipient = recipientDomain(to);
  const { settings } = loadSettings(context.source);
  const explanation = explainInbound(settings, recipient, peer, context.today);
  const warnings = [
    ...remarksOf(explanation),
    ...(ip === '' ? networksLeftOut(settings, recipient, context.today) : []),
    ...viewpointRemarks(context.viewpoint),
  ];
  const managed = managedDomain(settings, recipient);
  const traffic = await lastWeek(context, settings, {
    managed,
    direction: 'in',
    peer: peerName(peer.senderDomain),
  });
  if (context.json) context.output.print(json({ ...explanation, remarks: undefined, traffic, warnings }));
  else {
    reportInbound(context.output, { from, to, ip }, explanation);
    reportTraffic(context.output, traffic);
    for (const line of warningLines(context.output, warnings)) context.output.print(line);
  }
  return explanation.kind === 'invalid' ? exit.findings : exit.ok;
}

function remarksOf(explanation: OutboundExplanation | InboundExplanation): readonly string[] {
  return explanation.kind === 'explained' ? explanation.remarks : [];
}

/** Without an address no rule for a network is a candidate, although one might win. */
function networksLeftOut(settings: Settings, recipient: string, today: Day): string[] {
  const owner = ownerOf(settings, recipient);
  if (owner.kind === 'invalid') return [];
  const shared = [...networkSections(settings.global.inboundPeers)];
  const networks =
    owner.kind === 'unmanaged'
      ? shared
      : [...networkSections(owner.domain.inboundPeers), ...shared.filter(isForAll)];
  const applying = networks.filter((section) => standing(section, today) === 'applies').length;
  const rules = applying === 1 ? '1 rule for a network was' : `${applying} rules for networks were`;
  return applying === 0 ? [] : [`${rules} left out: name the client with --ip`];
}

function twoOperands({ operands }: Context): [string, string] {
  const [from, to, ...more] = operands;
  if (from === undefined || to === undefined || more.length > 0)
    throw new UsageError('FROM and TO are needed');
  return [from, to];
}

/** What a delivery would see now, and decide. */
interface Discovered {
  /** Whether each resolver validates, and what to do where it does not. */
  readonly resolver: readonly string[];
  readonly destination: Destination | AnswerFacts;
  readonly sts: StsFacts;
  readonly decision: Decision;
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
}

interface Asked {
  readonly rule: OutboundRule;
  readonly domain: string;
  /** What a plugin answers to `get_mx`; where absent, the domain's own MX hosts are looked up. */
  readonly answer: MxAnswer<AnsweredEntry> | undefined;
}

async function discoverNow(
  settings: Settings,
  context: Context,
  { rule, domain, answer }: Asked,
): Promise<Discovered> {
  const sources = openSources(settings.global, context.directory);
  try {
    const routes = settings.global.outbound.values.routes ?? [];
    const facts = withDeadline<Pick<Discovered, 'destination' | 'sts' | 'decision'>>(
      settings.global.timeouts.decision * 1000,
      undefined,
      async (signal) => {
        if (answer !== undefined) return lookAtAnswer(sources, rule, { domain, answer, routes }, { signal });
        const found = await discover(sources, rule, domain, { signal });
        return { ...found, decision: decide(rule, found) };
      },
    );
    const [{ destination, sts, decision: decided }, probed] = await Promise.all([
      facts,
      sources.resolver.probe(),
    ]);
    const resolver = probed.findings.map((finding) => findingText(finding, probed.question));
    const tls = harakaTls(context.source);
    const decision = asHarakaDelivers(withOwnFault(decided, probed), tls, domain);
    return { resolver, destination, sts, decision, haraka: handshakeRemarks(tls) };
  } finally {
    await sources.close();
  }
}

function reportOutbound(
  output: Output,
  message: { readonly from: string; readonly to: string },
  explanation: OutboundExplanation,
  seen: Discovered | undefined,
): void {
  if (explanation.kind === 'invalid') {
    reportInvalid(output, explanation.failure);
    return;
  }
  reportRule(output, outboundSentence(message, explanation, seen?.decision), explanation);
  if (seen === undefined) return;
  output.print('');
  const { destination } = seen;
  const found =
    'by' in destination ? answerLines(output, destination) : destinationLines(output, destination);
  const lines = [
    ...seen.resolver.flatMap((one) => fact(output, 'DNSSEC', one)),
    ...found,
    ...fact(output, 'MTA-STS', stsText(seen.sts)),
    '',
    ...decisionLines(output, seen.decision),
    ...seen.haraka.flatMap((text) => paragraph(output, [{ text, style: 'dim' }])),
  ];
  for (const line of lines) output.print(line);
}

function reportInbound(
  output: Output,
  message: { readonly from: string; readonly to: string; readonly ip: string },
  explanation: InboundExplanation,
): void {
  if (explanation.kind === 'invalid') {
    reportInvalid(output, explanation.failure);
    return;
  }
  reportRule(output, inboundSentence(message, explanation), explanation);
}

/** The sentence that can be read out, then how it comes about. */
function reportRule(output: Output, sentence: string, explained: Parameters<typeof ruleLines>[1]): void {
  for (const line of paragraph(output, [{ text: sentence, style: 'bold' }])) output.print(line);
  output.print('');
  for (const line of ruleLines(output, explained)) output.print(line);
}

/** The last seven days of the pair. */
function reportTraffic(output: Output, traffic: PeerTraffic | undefined): void {
  if (traffic === undefined) return;
  const { messages, tls, deferred, bounced, refused } = traffic;
  const parts = [
    `${messages} ${messages === 1 ? 'message' : 'messages'}`,
    ...Object.entries(tls).map(
      ([version, count]) => `${version === 'none' ? 'cleartext' : version} ${count}`,
    ),
    ...Object.entries({ deferred, bounced, refused })
      .filter(([, count]) => count > 0)
      .map(([what, count]) => `${what} ${count}`),
  ];
  output.print('');
  for (const line of fact(output, '7 days', parts.join(', '))) output.print(line);
}

function reportInvalid(output: Output, { text }: Failure): void {
  const invalid = labelled(output, { text: 'invalid', style: 'red' }, [text], { width: 9 });
  for (const line of [...invalid, ...paragraph(output, [whileInvalid])]) output.print(line);
}
