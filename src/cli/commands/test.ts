/** `tls-peers test`: everything that a delivery would do, up to and not including MAIL FROM. */
import type { StsFacts } from '../../mta_sts/types';
import type { SecurityLevel } from '../../peers/rule';
import { outboundNotLoaded } from '../../settings/checks/not_loaded';
import { ehloName } from '../../settings/haraka/ehlo_name';
import { harakaTls } from '../../settings/haraka/outbound_tls';
import { loadSettings } from '../../settings/load/load';
import { formatFault } from '../../settings/schema/fault';
import { asHaraka, exit, UsageError, type Context } from '../command';
import { stsText } from '../destination_text';
import { handshakeRemarks } from '../haraka_terms';
import { HostChecks, type Attempt } from '../host_checks';
import { recipientDomain, senderDomain } from '../operands';
import { labelled, paragraph } from '../layout/paragraph';
import { stacked, table } from '../layout/table';
import { warningLines } from '../layout/warning';
import { attemptLines } from '../attempt_text';
import { json, type Cell, type Output } from '../output';
import { everySender, senderGroups, type RuledSender, type SenderGroup } from '../sender_groups';
import { openSources } from '../sources';
import { problemsOf, problemText, whileInvalid, type Problem } from '../unsent';
import { viewpointRemarks } from '../viewpoint';

export const testCommand = asHaraka({
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
  look: (context) => Promise.resolve(namesOf(context)),
  judge: test,
});

interface Names {
  readonly domains: readonly string[];
  /** The domain of the sender that was given. */
  readonly from?: string;
}

/** @throws UsageError */
function namesOf({ operands, options: { from } }: Context): Names {
  if (operands.length === 0) throw new UsageError('a DOMAIN is needed');
  const domains = operands.map(recipientDomain);
  return { domains, ...(typeof from === 'string' ? { from: senderDomain(from) } : {}) };
}

/** What would become of mail to one domain under one rule. */
interface Report {
  readonly domain: string;
  readonly senders: readonly RuledSender[];
  readonly level: SecurityLevel | '';
  /** Whether a message would go. */
  readonly goes: boolean;
  /** Why nothing was tried, or why not at all hosts. */
  readonly problems: readonly Problem[];
  /** What is known of the domain's policy, and what kept it from being had. */
  readonly sts: StsFacts;
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
  /** Why Haraka would do otherwise. */
  readonly warnings: readonly string[];
  /** In the order in which a delivery would try them. */
  readonly attempts: readonly Attempt[];
}

async function test(context: Context, { domains, from }: Names) {
  const { output, directory, source } = context;
  const { settings } = loadSettings(source);
  const haraka = harakaTls(source);
  const surroundings = {
    haraka: handshakeRemarks(haraka),
    warnings: [
      ...outboundNotLoaded({ source, settings, today: context.today }).map(formatFault),
      ...viewpointRemarks(context.viewpoint),
    ],
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
      const groups = senderGroups(
        settings,
        from === undefined ? everySender(settings) : [from],
        domain,
        context.today,
      );
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
    const sts = { kind: 'not_asked' } as const;
    return {
      domain,
      senders,
      level: '',
      goes: false,
      problems,
      sts,
      ...surroundings,
      haraka: [],
      attempts: [],
    };
  }
  const { rule } = found;
  const { decision, sts } = await hostChecks.decide(rule, domain);
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
    sts,
    ...surroundings,
    attempts,
  };
}

function reportLines(output: Output, report: Report): string[] {
  const below = { indent: 2, hanging: 4 };
  return [
    ...headLines(output, report),
    ...attemptLines(output, report.attempts),
    ...report.problems.flatMap((problem) => paragraph(output, [problemText(problem)], below)),
    ...(report.sts.kind === 'not_asked'
      ? []
      : labelled(output, 'MTA-STS', [stsText(report.sts)], { width: 9, indent: 2 })),
    ...report.haraka.flatMap((text) => paragraph(output, [{ text, style: 'dim' }], below)),
    ...warningLines(output, report.warnings, 2),
    ...paragraph(output, [endCell(report)], below),
  ];
}

function headLines(output: Output, report: Report): string[] {
  const domain = { text: report.domain, style: 'bold' } as const;
  const facts = [sendersText(report), ruleText(report)];
  return output.width === undefined ? table(output, [[domain, ...facts]]) : stacked(output, [domain], facts);
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

function endCell({ goes, level }: Report): Cell {
  if (level === '') return { text: whileInvalid, style: 'red' };
  return goes
    ? { text: 'a message would go', style: 'green' }
    : { text: 'a message would not go', style: 'red' };
}
