/** The shape of a command. */
import type { ParseArgsConfig } from 'node:util';
import type { Day } from '../peers/day';
import type { SettingsSource } from '../settings/load/source';
import type { Output } from './output';
import type { Viewpoint } from './viewpoint';

/** Exit codes, the same for every command. */
export const exit = {
  /** Done, and nothing is wrong. */
  ok: 0,
  /** Done, and something is wrong: faults, a message that would not go, a difference. */
  findings: 1,
  /** The call itself is wrong. */
  usage: 2,
  /** It could not be done. */
  failed: 3,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

export interface Context {
  readonly output: Output;
  /** Haraka's config directory. */
  readonly directory: string;
  /** The files there, as the Haraka that they are for reads them, as far as this process can tell. */
  readonly source: SettingsSource;
  readonly viewpoint: Viewpoint;
  readonly json: boolean;
  readonly now: Date;
  /** UTC, `YYYY-MM-DD`. */
  readonly today: Day;
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly operands: readonly string[];
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Behind the name in the usage line. */
  readonly operands: string;
  /** More help, one entry a line. */
  readonly help: readonly string[];
  readonly options: NonNullable<ParseArgsConfig['options']>;
  run(context: Context): Promise<ExitCode>;
}

/** A command that says what a running Haraka comes to. Called by root, it is answered as the user that Haraka will be. */
export interface HarakasCommand<Seen = undefined> extends Omit<Command, 'run'> {
  /** What a Haraka that starts sees to as root. Called first. */
  readonly look: (context: Context) => Promise<Seen>;
  /** The rest, as that user. */
  readonly judge: (context: Context, seen: Seen) => Promise<ExitCode>;
}

/** Between looking and judging `become` is called, which makes this process that user where it can. */
export interface TwoStepped extends Command {
  readonly inTwoSteps: (context: Context, become: () => Context) => Promise<ExitCode>;
}

export function asHaraka<Seen>({ look, judge, ...command }: HarakasCommand<Seen>): TwoStepped {
  const inTwoSteps = async (context: Context, become: () => Context) => {
    const seen = await look(context);
    return judge(become(), seen);
  };
  return { ...command, inTwoSteps, run: (context) => inTwoSteps(context, () => context) };
}

/** The call is wrong: the message says how, and the command's usage follows. */
export class UsageError extends Error {}

/** What was asked cannot be done; the message says why. */
export class CommandError extends Error {}
