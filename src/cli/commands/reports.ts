/** `tls-peers reports`: TLS reports, those that are sent and those that came. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createResolver } from '../../dns/resolver';
import { canonicalDomain } from '../../names';
import { parseDay, type Day } from '../../peers/day';
import { openDays } from '../../reports/store/days';
import { readJournal } from '../../reports/store/journal';
import { askToSend } from '../../reports/store/requests';
import { receivedView, type ReceivedView } from '../../reports/view/received_view';
import { resolverOptions } from '../../settings/load/resolver_options';
import { receivesTlsReports, sendsTlsReports } from '../../settings/schema/tls_reports';
import { reportOf } from '../../tlsrpt/document';
import { parseReportRecords, recordName } from '../../tlsrpt/record';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { paragraph } from '../layout/paragraph';
import { table } from '../layout/table';
import { warningLines } from '../layout/warning';
import { json, type Cell } from '../output';
import { readDays, reportsPlace, sessionsOf, type ReportRow, type ReportsPlace } from '../report_days';
import { topOf } from '../operands';

export const reportsCommand: Command = {
  name: 'reports',
  summary: 'Show TLS reports (RFC 8460): which are sent to others, and what others report.',
  operands: '[--received] [--show DOMAIN] [--send-now DOMAIN] [--dry-run] [--day DAY] [--top N]',
  help: [
    'Without an option: what is counted, was sent, failed, by day and destination.',
    '',
    '  --received         what others report of the managed domains, and whether a policy may be enforced',
    '  --show DOMAIN      the report to DOMAIN as JSON, of the last day on which sessions were counted',
    '  --day DAY          with --show: of that day, as YYYY-MM-DD',
    '  --dry-run          look up where the reports that wait would go, and send nothing',
    '  --send-now DOMAIN  have the running Haraka send what waits for DOMAIN now',
    '  --top N            the first N rows (default: 50; 0 for all)',
  ],
  options: {
    received: { type: 'boolean' },
    show: { type: 'string' },
    day: { type: 'string' },
    'dry-run': { type: 'boolean' },
    'send-now': { type: 'string' },
    top: { type: 'string' },
  },
  run: reports,
};

async function reports(context: Context): Promise<ExitCode> {
  const { options, operands } = context;
  if (operands.length > 0) throw new UsageError(`unexpected: ${operands.join(' ')}`);
  const place = reportsPlace(context);
  if (options['received'] === true) return received(context, place);
  if (!sendsTlsReports(place.tlsReports))
    throw new CommandError(
      'no reports are sent: [tls_reports] of tls-peers.ini needs organization, contact and from',
    );
  if (typeof options['show'] === 'string') return show(context, place, domainOf(options['show']));
  if (typeof options['send-now'] === 'string') return sendNow(context, place, domainOf(options['send-now']));
  if (options['dry-run'] === true) return dryRun(context, place);
  return list(context, place);
}

function domainOf(operand: string): string {
  const domain = canonicalDomain(operand);
  if (domain === undefined) throw new UsageError(`no domain: ${operand}`);
  return domain;
}

// ---- what is sent

async function list(context: Context, place: ReportsPlace): Promise<ExitCode> {
  const { output } = context;
  const { rows, problems } = await readDays(place, context.today);
  if (context.json) {
    output.print(json({ reports: rows, problems }));
    return exit.ok;
  }
  const shown = firstOf(context, rows);
  if (rows.length === 0)
    for (const line of paragraph(output, [
      'nothing was counted, and no report was sent. Counted are new sessions over TLS, or with TLS that failed, where the rule has tls_reports = on: left out, that is at opportunistic_dane, mandatory_dane, mta_sts and auto',
    ]))
      output.print(line);
  else
    for (const line of table(output, [
      head('day', 'domain', 'met', 'failed', 'to', 'state', ''),
      ...shown.map(cells),
    ]))
      output.print(line);
  if (shown.length < rows.length) output.print(`${rows.length - shown.length} more: --top 0 shows them all`);
  for (const line of warningLines(output, problems)) output.print(line);
  return exit.ok;
}

function cells({ day, domain, successful, failed, destination, state, text }: ReportRow): (string | Cell)[] {
  const style = state === 'accepted' ? 'green' : ['given_up', 'refused'].includes(state) ? 'red' : 'dim';
  return [
    day,
    domain,
    successful === undefined ? '' : String(successful),
    failed === undefined ? '' : String(failed),
    destination,
    { text: state.replace('_', ' '), style },
    text,
  ];
}

async function show(
  { output, options, today }: Context,
  place: ReportsPlace,
  domain: string,
): Promise<ExitCode> {
  for (const day of await daysOf(place, options['day'])) {
    const { table: sessions } = await sessionsOf(place, day, today);
    const found = sessions.get(domain);
    if (found === undefined) continue;
    const { organization, contact } = place.tlsReports;
    output.print(json(reportOf({ organization, contact, host: hostname() }, day, domain, found)));
    return exit.ok;
  }
  throw new CommandError(`no sessions with ${domain} are kept`);
}

/** The newest first. */
async function daysOf(place: ReportsPlace, option: unknown): Promise<Day[]> {
  if (option === undefined) return (await openDays(place.directory)).reverse();
  const day = typeof option === 'string' ? parseDay(option) : undefined;
  if (day === undefined) throw new UsageError('--day: no day as YYYY-MM-DD');
  return [day];
}

interface Plan {
  readonly day: Day;
  readonly domain: string;
  readonly destinations: readonly string[];
  readonly problems: readonly string[];
}

async function dryRun(context: Context, place: ReportsPlace): Promise<ExitCode> {
  const { output, today } = context;
  const { rows } = await readDays(place, today);
  const resolver = createResolver(resolverOptions(place.settings.global));
  const plans: Plan[] = [];
  try {
    const waiting = rows.filter(
      ({ day, state }) => day < today && (state === 'pending' || state === 'failed'),
    );
    for (const { day, domain } of firstOf(context, waiting)) {
      const answer = await resolver.txt(recordName(domain));
      if (answer.kind === 'failed') plans.push({ day, domain, destinations: [], problems: [answer.detail] });
      else {
        const record = parseReportRecords(answer.kind === 'records' ? answer.records : []);
        const destinations = record.kind === 'found' ? record.destinations.map(({ uri }) => uri) : [];
        const problems =
          record.kind === 'found'
            ? record.problems
            : record.kind === 'invalid'
              ? [record.text]
              : ['it asks for no reports'];
        plans.push({ day, domain, destinations, problems });
      }
    }
  } finally {
    resolver.close();
  }
  if (context.json) output.print(json({ reports: plans }));
  else if (plans.length === 0)
    output.print(
      `no report waits${isCounting(rows, today) ? ': those of today come when the day (UTC) is over' : ''}`,
    );
  else
    for (const line of table(output, [
      head('day', 'domain', 'would go to', ''),
      ...plans.map(({ day, domain, destinations, problems }) => [
        day,
        domain,
        destinations.join(', '),
        problems.join('; '),
      ]),
    ]))
      output.print(line);
  return exit.ok;
}

function isCounting(rows: readonly ReportRow[], today: Day): boolean {
  return rows.some(({ day }) => day >= today);
}

/** Milliseconds for the running Haraka to begin: it looks every ten seconds. */
const patience = 40_000;

async function sendNow(
  { output, today, json: asJson }: Context,
  place: ReportsPlace,
  domain: string,
): Promise<ExitCode> {
  const days = (await openDays(place.directory)).filter((day) => day < today);
  const waiting: Day[] = [];
  for (const day of days) if ((await sessionsOf(place, day, today)).table.get(domain)) waiting.push(day);
  if (waiting.length === 0) {
    const isToday = (await sessionsOf(place, today, today)).table.get(domain) !== undefined;
    throw new CommandError(
      `no report to ${domain} waits${isToday ? ': that of today can be sent when the day (UTC) is over; --show prints it as it is now' : ''}`,
    );
  }
  const begun = Date.now();
  await askToSend(place, domain);
  const outcomes: { day: Day; destination: string; state: string; text: string }[] = [];
  while (outcomes.length === 0 && Date.now() - begun < patience) {
    await sleep(500);
    for (const day of waiting) {
      const known = (await readJournal(place, day)).domains.get(domain);
      if (known === undefined) continue;
      const standings = [
        ...known.byUri,
        ...(known.whole === 'nothing' ? [] : ([['', known.whole]] as const)),
      ];
      for (const [destination, { state, text, last }] of standings)
        if (last >= begun) outcomes.push({ day, destination, state, text });
    }
  }
  if (asJson) output.print(json({ domain, outcomes }));
  else if (outcomes.length === 0)
    output.print('it was asked for; Haraka has not done it yet: does it run, and does tls-peers/reports?');
  else
    for (const { day, destination, state, text } of outcomes)
      output.print(
        [day, destination, state.replace('_', ' '), text].filter((word) => word !== '').join('  '),
      );
  const isGood = outcomes.some(({ state }) => state === 'queued' || state === 'accepted');
  return isGood ? exit.ok : exit.findings;
}

// ---- what others report

async function received(context: Context, place: ReportsPlace): Promise<ExitCode> {
  const { output, now } = context;
  if (!receivesTlsReports(place.tlsReports))
    throw new CommandError('no reports are read: [tls_reports] receive of tls-peers.ini names no address');
  const view = await receivedView({ settings: place.settings, place, now });
  if (context.json) output.print(json(view));
  else for (const line of receivedLines(context, view)) output.print(line);
  return view.gates.some(({ kind }) => kind === 'failing') ? exit.findings : exit.ok;
}

function receivedLines(context: Context, { rows, gates, problems }: ReceivedView): string[] {
  const { output } = context;
  const shown = firstOf(context, rows);
  const header = head('domain', 'reporter', 'policy', 'MX', 'sessions', 'result', 'last seen');
  const body = shown.map((row): (string | Cell)[] => [
    row.managed,
    row.standing === 'trusted' ? row.reporter : { text: `${row.reporter} (unverified)`, style: 'dim' },
    row.policy,
    row.mxHost,
    String(row.sessions),
    row.result === 'success'
      ? { text: 'good', style: 'green' }
      : { text: `${row.result}: ${row.meaning}`, style: 'red' },
    row.lastSeen.slice(0, 10),
  ]);
  return [
    ...gates.flatMap(({ domain, text }) => paragraph(output, [`${domain}: ${text}`])),
    ...(gates.length === 0 ? [] : ['']),
    ...(rows.length === 0 ? ['no report was received'] : table(output, [header, ...body])),
    ...(shown.length < rows.length ? [`${rows.length - shown.length} more: --top 0 shows them all`] : []),
    ...warningLines(output, problems),
  ];
}

function head(...names: readonly string[]): Cell[] {
  return names.map((text) => ({ text, style: 'dim' }));
}

function firstOf<T>({ options }: Context, rows: readonly T[]): readonly T[] {
  return rows.slice(0, topOf(options['top'], 50));
}
