/** `tls-peers explain`: which rule governs a message and why, and what a delivery would now be held to. */
import type { PeerTraffic } from '../../evidence/views/traffic';
import type { Failure } from '../../failure';
import type { InboundExplanation, OutboundExplanation } from '../../peers/explain';
import { parseAddress } from '../../peers/network';
import type { SenderTag } from '../../peers/sender_tag';
import { asHaraka, exit, UsageError, type Context, type ExitCode } from '../command';
import { decisionLines } from '../decision_text';
import { answerLines, destinationLines, fact, stsText } from '../destination_text';
import { explainDocument, explainInboundNow, explainOutboundNow, type Discovered } from '../explain_now';
import { inboundSentence, outboundSentence } from '../explain_sentence';
import { answerOperand } from '../answer_operand';
import { recipientDomain, senderDomain } from '../operands';
import { labelled, paragraph } from '../layout/paragraph';
import { warningLines } from '../layout/warning';
import { json, type Output } from '../output';
import { ruleLines } from '../rule_text';
import { whileInvalid } from '../unsent';

export const explainCommand = asHaraka({
  name: 'explain',
  summary: 'Say which rule governs a message, why, and what a delivery would now be held to.',
  operands:
    '[--offline | --mx HOSTS [--by PLUGIN]] [--requiretls | --tls-optional] FROM TO | --inbound [--ip ADDR] FROM TO',
  help: [
    'FROM and TO are addresses or domains; <> is the null sender.',
    '',
    '  --offline         ask no DNS: the rule only',
    '  --mx HOSTS        the hosts that a plugin answers to get_mx, with commas between them; HOST/NAME where it comes',
    "                    with from_dns = NAME, as Haraka's own MX look-up sets it",
    '  --by PLUGIN       the plugin that answers so',
    '  --requiretls      for a message whose sender asks for REQUIRETLS (RFC 8689)',
    '  --tls-optional    for one with "TLS-Required: No" in its header',
    '  --inbound         the rule for a message that FROM sends to TO, a managed domain',
    '  --ip ADDR         the address of the client that sends it',
  ],
  options: {
    offline: { type: 'boolean' },
    mx: { type: 'string' },
    by: { type: 'string' },
    requiretls: { type: 'boolean' },
    'tls-optional': { type: 'boolean' },
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
  const tag = tagIn(context);
  const asked = { sender, recipient, answer, tag, offline: context.options['offline'] === true };
  const explained = await explainOutboundNow(context, asked);
  const { explanation, seen, traffic, warnings } = explained;
  if (context.json) context.output.print(json(explainDocument(explained)));
  else {
    reportOutbound(context.output, { from, to, tag }, explanation, seen);
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
  if (tagIn(context) !== 'untagged')
    throw new UsageError('--requiretls and --tls-optional do not go with --inbound');
  if (context.options['mx'] !== undefined || context.options['by'] !== undefined)
    throw new UsageError('--mx and --by do not go with --inbound');
  const ip = context.options['ip'] ?? '';
  if (typeof ip !== 'string' || (ip !== '' && parseAddress(ip) === undefined))
    throw new UsageError(`no address: ${String(ip)}`);
  const asked = { ip, senderDomain: senderDomain(from), recipient: recipientDomain(to) };
  const { explanation, traffic, warnings } = await explainInboundNow(context, asked);
  if (context.json) context.output.print(json(explainDocument({ explanation, traffic, warnings })));
  else {
    reportInbound(context.output, { from, to, ip }, explanation);
    reportTraffic(context.output, traffic);
    for (const line of warningLines(context.output, warnings)) context.output.print(line);
  }
  return explanation.kind === 'invalid' ? exit.findings : exit.ok;
}

/** REQUIRETLS counts where both are asked for (RFC 8689 section 4.1). */
function tagIn({ options }: Context): SenderTag {
  if (options['requiretls'] === true) return 'required';
  return options['tls-optional'] === true ? 'optional' : 'untagged';
}

function twoOperands({ operands }: Context): [string, string] {
  const [from, to, ...more] = operands;
  if (from === undefined || to === undefined || more.length > 0)
    throw new UsageError('FROM and TO are needed');
  return [from, to];
}

function reportOutbound(
  output: Output,
  message: { readonly from: string; readonly to: string; readonly tag: SenderTag },
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
