/** `tls-peers test`: everything that a delivery would do, up to and not including MAIL FROM. */
import { asHaraka, exit, UsageError, type Context } from '../command';
import { stsText } from '../destination_text';
import { testInbound } from '../inbound/test_inbound';
import { recipientDomain, senderDomain } from '../operands';
import { labelled, paragraph } from '../layout/paragraph';
import { stacked, table } from '../layout/table';
import { warningLines } from '../layout/warning';
import { attemptLines } from '../attempt_text';
import { json, type Cell, type Output } from '../output';
import { openTesting, type Report } from '../test_now';
import { problemText, whileInvalid } from '../unsent';

export const testCommand = asHaraka({
  name: 'test',
  summary: 'Do what a delivery would do, at every MX host and address, and stop before the envelope.',
  operands: '[--from SENDER] DOMAIN... | --inbound [--peer SENDER] [--from-ip ADDR] [--strict] [DOMAIN...]',
  help: [
    'The exit code is 0 only if every message meant would go to every DOMAIN.',
    '',
    '  --from SENDER     the envelope sender, whose domain decides which rules apply; <> is the null sender',
    '                    (default: every managed domain, and mail of none)',
    '',
    '  --inbound         what a peer would see of this Haraka: each listener, and each MX host of the managed domains',
    '                    (default: all of them); the exit code is 0 only if nothing is wrong',
    '  --peer SENDER     the rule that mail of SENDER would meet',
    '  --from-ip ADDR    from a client with this address',
    '  --strict          warnings count in the exit code',
  ],
  options: {
    from: { type: 'string' },
    inbound: { type: 'boolean' },
    peer: { type: 'string' },
    'from-ip': { type: 'string' },
    strict: { type: 'boolean' },
  },
  look: (context) => Promise.resolve(namesOf(context)),
  judge: (context, names) => (names === 'inbound' ? testInbound(context) : test(context, names)),
});

interface Names {
  readonly domains: readonly string[];
  /** The domain of the sender that was given. */
  readonly from?: string;
}

/** @throws UsageError */
function namesOf({ operands, options }: Context): Names | 'inbound' {
  if (options['inbound'] === true) return 'inbound';
  const inboundOnly = ['peer', 'from-ip', 'strict'].find((name) => options[name] !== undefined);
  if (inboundOnly !== undefined) throw new UsageError(`--${inboundOnly} goes with --inbound`);
  if (operands.length === 0) throw new UsageError('a DOMAIN is needed');
  const domains = operands.map(recipientDomain);
  const { from } = options;
  return { domains, ...(typeof from === 'string' ? { from: senderDomain(from) } : {}) };
}

async function test(context: Context, { domains, from }: Names) {
  const { output } = context;
  const testing = openTesting(context, (line) => output.progress(line));
  try {
    const reports: Report[] = [];
    for (const domain of domains) {
      const found = await testing.test(domain, from === undefined ? undefined : [from]);
      reports.push(...found);
      if (!context.json)
        for (const one of found) for (const line of reportLines(output, one)) output.print(line);
    }
    if (context.json) output.print(json(reports));
    return reports.every(({ goes }) => goes) ? exit.ok : exit.findings;
  } finally {
    await testing.close();
  }
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
