/** `tls-peers test`: everything that a delivery would do, up to and not including MAIL FROM. */
import type { SecurityLevel } from '../../peers/rule';
import { outboundNotLoaded } from '../../settings/checks/not_loaded';
import { ehloName } from '../../settings/haraka/ehlo_name';
import { harakaTls } from '../../settings/haraka/outbound_tls';
import { loadSettings } from '../../settings/load/load';
import { directorySource } from '../../settings/load/source';
import { formatFault } from '../../settings/schema/fault';
import { exit, UsageError, type Command, type Context } from '../command';
import { handshakeRemarks } from '../haraka_terms';
import { HostChecks, type Attempt } from '../host_checks';
import { recipientDomain, senderDomain } from '../operands';
import { json, paint, table, warningLines, type Cell, type Output } from '../output';
import { everySender, senderGroups, type RuledSender, type SenderGroup } from '../sender_groups';
import { openSources } from '../sources';
import { problemsOf, problemText, whileInvalid, type Problem } from '../unsent';

export const testCommand: Command = {
  name: 'test',
  summary: 'Do what a delivery would do, at every MX host and address, and stop before the envelope.',
  operands: '[--from SENDER] DOMAIN...',
  help: [
    'The exit code is 0 only if every message meant would go to every DOMAIN.',
    '',
    '  --from SENDER     the envelope sender, whose domain decides which rules apply; <> is the null sender',
    '                    (default: every managed domain, and mail of none)',
  ],
  options: { from: { type: 'string' } },
  run: test,
};

/** What would become of mail to one domain under one rule. */
interface Report {
  readonly domain: string;
  readonly senders: readonly RuledSender[];
  readonly level: SecurityLevel | '';
  /** Whether a message would go. */
  readonly goes: boolean;
  /** Why nothing was tried, or why not at all hosts. */
  readonly problems: readonly Problem[];
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
  /** Why Haraka would do otherwise. */
  readonly warnings: readonly string[];
  /** In the order in which a delivery would try them. */
  readonly attempts: readonly Attempt[];
}

async function test(context: Context) {
  const { operands, options, output, directory } = context;
  if (operands.length === 0) throw new UsageError('a DOMAIN is needed');
  const domains = operands.map(recipientDomain);
  const from = options['from'];
  const given = typeof from === 'string' ? [senderDomain(from)] : undefined;
  const source = directorySource(directory);
  const { settings } = loadSettings(source);
  const haraka = harakaTls(source);
  const surroundings = {
    haraka: handshakeRemarks(haraka),
    warnings: outboundNotLoaded({ source, settings, today: context.today }).map(formatFault),
  };
  const sources = openSources(settings.global, directory);
  try {
    const reports: Report[] = [];
    for (const domain of domains) {
      const hostChecks = new HostChecks({
        sources,
        global: settings.global,
        ehloName: ehloName(source),
        haraka,
        progress: (line) => output.progress(line),
      });
      const groups = senderGroups(settings, given ?? everySender(settings), domain, context.today);
      const found = await Promise.all(
        groups.map((group) => testGroup(hostChecks, group, domain, surroundings)),
      );
      reports.push(...found);
      if (!context.json)
        for (const one of found) for (const line of reportLines(output, one)) output.print(line);
    }
    if (context.json) output.print(json(reports));
    return reports.every(({ goes }) => goes) ? exit.ok : exit.findings;
  } finally {
    await sources.close();
  }
}

async function testGroup(
  hostChecks: HostChecks,
  { senders, found }: SenderGroup,
  domain: string,
  surroundings: Pick<Report, 'haraka' | 'warnings'>,
): Promise<Report> {
  if (found.kind === 'invalid') {
    const problems = [{ host: '', ...found.failure }];
    return { domain, senders, level: '', goes: false, problems, ...surroundings, haraka: [], attempts: [] };
  }
  const { rule } = found;
  const decision = await hostChecks.decide(rule, domain);
  const checks =
    decision.kind === 'deliver'
      ? decision.hosts.flatMap((plan) => plan.addresses.map((address) => hostChecks.check(plan, address)))
      : [];
  const attempts = await Promise.all(checks);
  const goes = attempts.some(({ verdict }) => verdict.kind === 'goes');
  return {
    domain,
    senders,
    level: rule.level,
    goes,
    problems: problemsOf(decision),
    ...surroundings,
    attempts,
  };
}

function reportLines(output: Output, report: Report): string[] {
  return [
    `${paint(output, 'bold', report.domain)}  ${sendersText(report)}  ${ruleText(report)}`.trimEnd(),
    ...table(output, report.attempts.map(attemptRow), '  '),
    ...report.problems.map((problem) => `  ${problemText(problem)}`),
    ...report.haraka.map((remark) => `  ${paint(output, 'dim', remark)}`),
    ...warningLines(output, report.warnings).map((line) => `  ${line}`),
    `  ${endText(output, report)}`,
  ];
}

const sendersNamed = 5;

function sendersText({ senders }: Report): string {
  const managed = senders.map(({ sender }) => sender).filter((sender) => sender !== '');
  const named = managed.slice(0, sendersNamed).join(', ');
  const more = managed.length > sendersNamed ? ` and ${managed.length - sendersNamed} more` : '';
  if (managed.length === senders.length) return `mail of ${named}${more}`;
  return managed.length === 0
    ? 'mail of no managed domain'
    : `mail of ${named}${more}, and of no managed domain`;
}

function ruleText({ senders, level }: Report): string {
  const [first = '', ...others] = new Set(senders.map(({ rule }) => rule));
  if (level === '') return '';
  return `${level} (${first}${others.length === 0 ? '' : `, and ${others.length} like it`})`;
}

function endText(output: Output, { goes, level }: Report): string {
  if (level === '') return paint(output, 'red', whileInvalid);
  return goes ? paint(output, 'green', 'a message would go') : paint(output, 'red', 'a message would not go');
}

function attemptRow(attempt: Attempt): (string | Cell)[] {
  const { host, address, tlsVersion, cipher, names, expires, requirement, verdict } = attempt;
  const certificate = names === '' ? '' : `${names} until ${expires}`;
  switch (verdict.kind) {
    case 'goes': {
      const how = verdict.tlsVersion === '' ? 'cleartext' : `${verdict.tlsVersion} ${cipher}`;
      const recorded = verdict.recorded.map(({ reason }) => `recorded ${reason}`);
      const said = [verdict.verified, ...recorded].join('; ');
      return [{ text: 'goes', style: 'green' }, host, address, how, certificate, `${said} (${requirement})`];
    }
    case 'refused': {
      const { reason, text } = verdict.failure;
      return [
        { text: 'refused', style: 'red' },
        host,
        address,
        `${tlsVersion} ${cipher}`.trim(),
        certificate,
        `${reason}: ${text} (${requirement})`,
      ];
    }
    case 'unreachable':
      return [{ text: 'unreachable', style: 'yellow' }, host, address, '', '', verdict.problem];
  }
}
