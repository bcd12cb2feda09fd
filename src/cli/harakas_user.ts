/**
 * Has a call of root answered as the user that Haraka will be. A child of this process becomes that user as Haraka does, and then
 * answers the call itself: whatever it opens, it opens as that user.
 */
import { fork } from 'node:child_process';
import { unlessAborted, withDeadline } from '../deadline';
import type { PrivilegeSettings } from '../state/owner';
import { messageOf } from '../text';
import { CommandError, exit, type ExitCode } from './command';

/** The child is called with this word before everything else. It is no command: without a parent that listens it means nothing. */
const word = '--as-harakas-user';

/** What the child says once it is that user, and begins to answer. */
interface Became {
  readonly kind: 'became';
  readonly uid: number;
  readonly gid: number;
}

/** Milliseconds until the child has to be that user: it starts a Node, and may have to ask a directory service. */
const patience = 20_000;

/**
 * Runs the same program with `args` as a child that shares this one's input and output. What is wrong with the call, and why that
 * user cannot be become, the child says itself.
 *
 * @param program the file of the program
 * @throws CommandError where the child neither becomes Haraka's user nor ends in time
 */
export async function answerAsHarakasUser(program: string, args: readonly string[]): Promise<ExitCode> {
  const child = fork(program, [word, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  const ended = new Promise<ExitCode>((resolve) => {
    child.once('error', () => resolve(exit.failed));
    child.once('exit', (code) => resolve(parseExit(code)));
  });
  const began = new Promise<Became>((resolve, reject) => {
    child.once('message', (message) => {
      const became = parseBecame(message);
      if (became === undefined) reject(new CommandError('what was to become it said something else'));
      else resolve(became);
    });
  });
  try {
    const late = () => Promise.reject(new CommandError('it takes too long'));
    await withDeadline(patience, undefined, (signal) =>
      unlessAborted(Promise.race([began, ended]), signal, late),
    );
  } catch (error) {
    child.kill('SIGKILL');
    throw new CommandError(`this cannot be judged as Haraka's user: ${messageOf(error)}`);
  }
  return ended;
}

function parseBecame(message: unknown): Became | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { kind, uid, gid } = message as Readonly<Record<string, unknown>>;
  if (kind !== 'became' || typeof uid !== 'number' || typeof gid !== 'number') return undefined;
  return { kind, uid, gid };
}

/** A child that was killed has not answered. */
function parseExit(code: number | null): ExitCode {
  const known = Object.values(exit).find((one) => one === code);
  return known ?? exit.failed;
}

/**
 * The arguments of a call that is to be answered as Haraka's user; `undefined` where this process was started otherwise. Where
 * it was not, it ends with the process that asks, however that one is ended: a signal reaches the one that was named alone.
 */
export function askedAsHarakasUser(args: readonly string[]): readonly string[] | undefined {
  if (args[0] !== word || process.send === undefined) return undefined;
  process.once('disconnect', () => process.exit(exit.failed));
  // What is listened for would keep this process from ending by itself.
  process.channel?.unref();
  return args.slice(1);
}

/**
 * In the child: becomes the user and the group that smtp.ini names, in Haraka's order and by Haraka's calls. The groups that root is
 * in besides stay, and those of the user are not taken: Haraka does neither.
 *
 * @throws CommandError where that is not possible
 */
export function becomeHarakasUser({ user, group }: PrivilegeSettings): void {
  try {
    if (group) process.setgid?.(group as string | number);
    if (user) process.setuid?.(user as string | number);
  } catch (error) {
    throw new CommandError(`Haraka's user cannot be become: ${messageOf(error)}`);
  }
  const report: Became = { kind: 'became', uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  // What is answered goes to the output alone; each of the two waits for the other's end. Where that
  // one is gone already, this one ends as well, and nobody is left to be told.
  process.send?.(report, () => undefined);
}
