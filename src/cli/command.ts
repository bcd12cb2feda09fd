/** The shape of a command. */
import type { ParseArgsConfig } from 'node:util';
import type { Day } from '../peers/day';
import type { Output } from './output';

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

/** The call is wrong: the message says how, and the command's usage follows. */
export class UsageError extends Error {}

/** What was asked cannot be done; the message says why. */
export class CommandError extends Error {}
