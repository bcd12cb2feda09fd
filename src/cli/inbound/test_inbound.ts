/** `tls-peers test --inbound`: what a peer would see of this Haraka, and which rule it would meet. */
import { canonicalDomain } from '../../names';
import { explainInbound } from '../../peers/explain';
import { parseAddress } from '../../peers/network';
import { inboundNotLoaded } from '../../settings/checks/not_loaded';
import { writtenInbound } from '../../settings/checks/written_rules';
import { formatFault } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { CommandError, exit, UsageError, type Context, type ExitCode } from '../command';
import { senderDomain } from '../operands';
import { json } from '../output';
import { everyManaged } from '../sender_groups';
import { openSources } from '../sources';
import { validSettings } from '../valid_settings';
import { findingsOn, type Finding } from './findings';
import { inboundReport } from './report';
import { inboundLines, type MetRule } from './text';

export async function testInbound(context: Context): Promise<ExitCode> {
  const { directory, source, options, output, now, today } = context;
  if (options['from'] !== undefined) throw new UsageError('--from does not go with --inbound');
  const settings = validSettings(source);
  const domains = domainsOf(context, settings);
  const peer = peerOf(context);
  const sources = openSources(settings.global, directory);
  try {
    const progress = (line: string) => output.progress(line);
    const report = await inboundReport({ directory, source, settings, sources, domains, now, progress });
    const rules = domains.map((domain): MetRule => ({
      domain,
      explanation: explainInbound(settings, domain, peer, today),
    }));
    const findings: Finding[] = [
      ...findingsOn(report, [...writtenInbound(settings, today)], now),
      ...inboundNotLoaded({ source, settings, today }).map((fault): Finding => ({
        severity: 'wrong',
        at: 'config',
        text: formatFault(fault),
      })),
      ...rules.flatMap(invalidRule),
    ];
    if (context.json) output.print(json({ ...report, rules: rules.map(ruleDocument), findings }));
    else for (const line of inboundLines(output, report, rules, findings)) output.print(line);
    const isWrong = findings.some(({ severity }) => severity === 'wrong' || options['strict'] === true);
    return isWrong ? exit.findings : exit.ok;
  } finally {
    await sources.close();
  }
}

/** Those that the call names, else all that are managed. */
function domainsOf({ operands }: Context, settings: Settings): string[] {
  const managed = everyManaged(settings);
  if (operands.length === 0) return managed;
  return operands.map((operand) => {
    const name = canonicalDomain(operand) ?? '';
    if (!managed.includes(name)) throw new CommandError(`${operand} is not managed`);
    return name;
  });
}

function peerOf({ options }: Context): { readonly ip: string; readonly senderDomain: string } {
  const ip = options['from-ip'] ?? '';
  if (typeof ip !== 'string' || (ip !== '' && parseAddress(ip) === undefined))
    throw new UsageError(`--from-ip: no address: ${String(ip)}`);
  const peer = options['peer'];
  return { ip, senderDomain: typeof peer === 'string' ? senderDomain(peer) : '' };
}

function invalidRule({ domain, explanation }: MetRule): Finding[] {
  return explanation.kind === 'invalid'
    ? [{ severity: 'wrong', at: domain, text: explanation.failure.text }]
    : [];
}

function ruleDocument({ domain, explanation }: MetRule): unknown {
  if (explanation.kind === 'invalid') return { domain, ...explanation };
  const { rule, candidates } = explanation;
  return { domain, kind: 'rule', rule, candidates };
}
