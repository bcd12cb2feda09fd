/** `tls-peers tighten`: peers that could be held to more, and rules that are in the way. */
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { formatCsv } from '../csv';
import { fleetHelp, fleetOptions, windowHelp, windowOptions } from '../evidence';
import { json } from '../output';
import { writePlan } from '../tighten/plan';
import { csvRows, documentOf, tightenLines } from '../tighten/text';
import { tightening } from '../tighten/tighten';

const { from, to, days, managed, peer } = windowOptions;

export const tightenCommand: Command = {
  name: 'tighten',
  summary: 'Propose stricter rules for peers that met them all along, and whose hosts all do now.',
  operands: '[--write] [--days N] [--managed DOMAIN] [--peer PEER] [--min-messages N] [--min-days N]',
  help: [
    'Outbound. Every message in the window must have met the stricter rule, and every address of every MX host must pass now.',
    'Also said: rules that refused whatever came, and sections that ask for less and are not needed any more.',
    '',
    '  --write               write the sections',
    '  --min-messages N      how many messages it takes (default: 50)',
    '  --min-days N          on how many days (default: 7)',
    ...windowHelp
      .filter((line) => !line.includes('--inbound'))
      .map((line) => line.replace('default: 7', 'default: 30')),
    fleetHelp,
    '  --csv                 the proposals as CSV',
    '',
    'The exit code is 1 where something is proposed and not written, or a rule is in the way.',
  ],
  options: {
    ...{ from, to, days, managed, peer },
    ...fleetOptions,
    write: { type: 'boolean' },
    'min-messages': { type: 'string' },
    'min-days': { type: 'string' },
    csv: { type: 'boolean' },
  },
  run: tighten,
};

async function tighten(context: Context): Promise<ExitCode> {
  const { directory, operands, options, output } = context;
  if (operands.length > 0) throw new UsageError(`unexpected: ${operands.join(' ')}`);
  const thresholds = {
    messages: atLeast(options, 'min-messages', 50),
    days: atLeast(options, 'min-days', 7),
  };
  const found = await tightening(context, thresholds);
  const isProposed = found.plan.sections.length > 0;
  const written = options['write'] === true && isProposed;
  if (written) {
    if (found.unread > 0)
      throw new CommandError(
        `not written, for a part of the record is missing: ${found.problems.join('; ')}`,
      );
    await writePlan(directory, found.plan, context.today);
  }
  if (context.json) output.print(json(documentOf(found, written)));
  else if (options['csv'] === true) {
    output.print(formatCsv(csvRows(found)).trimEnd());
    for (const problem of found.problems) output.complain(problem);
  } else for (const line of tightenLines(output, found, { written, thresholds })) output.print(line);
  const isInTheWay = found.refusing.length > 0 || found.notNeeded.length > 0;
  return (isProposed && !written) || isInTheWay ? exit.findings : exit.ok;
}

function atLeast(options: Context['options'], name: string, usual: number): number {
  const option = options[name];
  if (option === undefined) return usual;
  if (typeof option !== 'string' || !/^[1-9]\d{0,8}$/.test(option))
    throw new UsageError(`--${name}: a number from 1 is needed`);
  return Number(option);
}
