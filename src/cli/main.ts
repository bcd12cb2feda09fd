/** `tls-peers`: explains and checks the rules of a Haraka install without a running Haraka. */
import { parseArgs } from 'node:util';
import { version } from '../../package.json';
import { messageOf, printable } from '../text';
import { exit, UsageError, type Command, type Context, type ExitCode } from './command';
import { cacheCommand } from './commands/cache';
import { explainCommand } from './commands/explain';
import { exportCommand } from './commands/export';
import { heldCommand } from './commands/held';
import { impactCommand } from './commands/impact';
import { importCommand } from './commands/import';
import { configDirectory } from './install';
import { isTwoStepped, runAsHaraka, viewOf, type Becoming } from './harakas_view';
import { labelled, paragraph } from './layout/paragraph';
import { lintCommand } from './commands/lint';
import { utcDay } from '../peers/day';
import { atWidth, json, type Output } from './output';
import { recordsCommand } from './commands/records';
import { reportsCommand } from './commands/reports';
import { testCommand } from './commands/test';
import { tightenCommand } from './commands/tighten';
import { trackCommand } from './commands/track';
import { trafficCommand } from './commands/traffic';

export const commands: readonly Command[] = [
  lintCommand,
  explainCommand,
  testCommand,
  recordsCommand,
  cacheCommand,
  trafficCommand,
  impactCommand,
  reportsCommand,
  heldCommand,
  tightenCommand,
  trackCommand,
  exportCommand,
  importCommand,
];

export const commonOptions = {
  config: { type: 'string', short: 'c' },
  json: { type: 'boolean' },
  wide: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What of the process a call depends on. */
export interface Surroundings {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  /** How root comes to see what Haraka's user sees. Where absent it sees what root sees, and says so. */
  readonly becoming?: Becoming;
}

/** Runs one call. @param args without the program's name. @returns the exit code. */
export async function main(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { output } = surroundings;
  const { name, rest } = split(args);
  const command = commands.find((one) => one.name === name);
  if (command === undefined) return withoutCommand(name, rest, output);
  try {
    return await run(command, rest, surroundings);
  } catch (error) {
    return failed(error, command, rest.includes('--json'), output);
  }
}

/** The name of the command, and everything else: the options that all commands have may stand before the name. */
function split(args: readonly string[]): { name: string | undefined; rest: string[] } {
  let at = 0;
  while (/^(?:-c.*|--config(?:=.*)?|--json|--wide|-h|--help)$/s.test(args[at] ?? '')) {
    const hasValueBehind = args[at] === '-c' || args[at] === '--config';
    at += hasValueBehind ? 2 : 1;
  }
  return { name: args[at], rest: [...args.slice(0, at), ...args.slice(at + 1)] };
}

async function run(command: Command, args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { values, positionals } = parse(command, args);
  if (values['help'] === true) {
    const { output } = surroundings;
    for (const line of helpLines(output, helpOf(command))) output.print(line);
    return exit.ok;
  }
  const directory = configDirectory(installOf(values['config'], surroundings.env));
  const context: Context = {
    output: values['wide'] === true ? atWidth(surroundings.output, undefined) : surroundings.output,
    directory,
    ...viewOf(directory),
    json: values['json'] === true,
    now: surroundings.now,
    today: utcDay(surroundings.now),
    options: values,
    operands: positionals,
  };
  return isTwoStepped(command)
    ? runAsHaraka(command, context, args, surroundings.becoming)
    : command.run(context);
}

function parse(command: Command, args: readonly string[]) {
  try {
    const options = { ...commonOptions, ...command.options };
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
    return { values: values as Record<string, string | boolean | undefined>, positionals };
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** What the call names, else `$HARAKA`, else the current directory. */
function installOf(option: unknown, env: Surroundings['env']): string {
  return typeof option === 'string' ? option : env['HARAKA'] || process.cwd();
}

function withoutCommand(name: string | undefined, rest: readonly string[], output: Output): ExitCode {
  if (name === '--version') {
    output.print(version);
    return exit.ok;
  }
  const topic = name === 'help' ? rest.find((word) => !word.startsWith('-')) : name;
  const asked = commands.find((one) => one.name === topic);
  const helpWanted = name === 'help' || rest.includes('--help') || rest.includes('-h');
  const help = asked === undefined ? generalHelp() : helpOf(asked);
  if (helpWanted && (topic === undefined || asked !== undefined)) {
    for (const line of helpLines(output, help)) output.print(line);
    return exit.ok;
  }
  const message = topic === undefined ? 'a COMMAND is needed' : `no such command: ${printable(topic)}`;
  if (rest.includes('--json')) output.print(errorDocument(topic ?? '', exit.usage, message));
  if (topic !== undefined) output.complain(`tls-peers: ${message}`);
  for (const line of helpLines(output, help)) output.complain(line);
  return exit.usage;
}

function errorDocument(command: string, code: ExitCode, message: string): string {
  return json({ error: { command, code, message } });
}

/** With `--json` the error is the document. */
function failed(error: unknown, command: Command, asJson: boolean, output: Output): ExitCode {
  const code = error instanceof UsageError ? exit.usage : exit.failed;
  const message = messageOf(error);
  if (asJson) output.print(errorDocument(command.name, code, message));
  for (const line of message.split('\n')) output.complain(`tls-peers ${command.name}: ${line}`);
  if (code === exit.usage) output.complain(usageOf(command));
  return code;
}

function usageOf(command: Command): string {
  return `usage: tls-peers ${command.name} ${command.operands}`.trimEnd();
}

function generalHelp(): string[] {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'usage: tls-peers COMMAND [-c DIR] [--json] ...',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    ...commonHelp,
    '',
    'tls-peers help COMMAND says more, tls-peers --version which version this is.',
  ];
}

/** Beside the names of options, what is said of them. */
function helpLines(output: Output, help: readonly string[]): string[] {
  return help.flatMap((text) => {
    const [, names = '', said = ''] = /^ {2}(\S.*? {2,})(\S.*)$/.exec(text) ?? [];
    return names === ''
      ? paragraph(output, [text.trim()], { indent: text.search(/\S|$/) })
      : labelled(output, names.trimEnd(), [said], { width: names.length, indent: 2 });
  });
}

function helpOf(command: Command): string[] {
  return [usageOf(command), '', command.summary, '', ...command.help, '', ...commonHelp];
}

const commonHelp = [
  '  -c, --config DIR  the Haraka install, or its config directory (default: $HARAKA, else the current directory)',
  '  --wide            one row a line, however wide the terminal is',
  '  --json            print one JSON document',
  '  -h, --help        print this help',
  '',
  'Exit codes: 0 nothing is wrong; 1 something is; 2 the call is wrong; 3 it could not be done.',
];
