/**
 * What the name of a file in Haraka's outbound queue says (outbound/qfile.js, the same from 3.0.4 to 3.3.4):
 *
 * ```text
 * <arrival>_<next attempt>_<attempts>_<pid>_<unique tag>_<counter>_<host>      times in milliseconds since 1970
 * ```
 *
 * Each deferral renames the file: next attempt, attempts and counter change then, and the pid when another process takes it
 * over. Arrival and tag stay, and are the same for no two files. Pure.
 */

export interface QueueName {
  /** What stays the same as long as the message waits; empty where a Haraka before 2.8.21 named the file. */
  readonly key: string;
  /** When the message came; `undefined` where the name does not say. */
  readonly arrived: Date | undefined;
  readonly nextTry: Date;
  /** Attempts that ended in a deferral. */
  readonly attempts: number;
  /** The process that has it. */
  readonly pid: number;
}

export type NameReading =
  | { readonly kind: 'message'; readonly name: QueueName }
  /** Being written, or left over from a process that ended while it wrote: Haraka removes those at its next start. */
  | { readonly kind: 'temporary' }
  /** Haraka could not read it, and set it aside for good. */
  | { readonly kind: 'set_aside' }
  /** Haraka leaves it alone, and so it waits for ever. */
  | { readonly kind: 'foreign' };

const present = /^(\d{1,15})_(\d{1,15})_(\d{1,9})_(\d{1,10})_([^_]{1,64})_\d{1,10}_[^_]*$/;
const before = /^(\d{1,15})_(\d{1,9})_(\d{1,10})_\d+\.[^_]*$/;

export function readName(file: string): NameReading {
  if (/^(?:__tmp__)?\./.test(file)) return { kind: 'temporary' };
  if (file.startsWith('error.')) return { kind: 'set_aside' };
  const [, arrival = '', next = '', attempts = '', pid = '', tag = ''] = present.exec(file) ?? [];
  if (tag !== '') {
    const arrived = new Date(Number(arrival));
    return message({ key: `${arrival}_${tag}`, arrived }, next, attempts, pid);
  }
  const [, oldNext = '', oldAttempts = '', oldPid = ''] = before.exec(file) ?? [];
  if (oldNext === '') return { kind: 'foreign' };
  return message({ key: '', arrived: undefined }, oldNext, oldAttempts, oldPid);
}

function message(
  { key, arrived }: Pick<QueueName, 'key' | 'arrived'>,
  next: string,
  attempts: string,
  pid: string,
): NameReading {
  const name = {
    key,
    arrived,
    nextTry: new Date(Number(next)),
    attempts: Number(attempts),
    pid: Number(pid),
  };
  return { kind: 'message', name };
}

/** The key of a file, by its name; empty where it has none. */
export function keyOf(file: string): string {
  const reading = readName(file);
  return reading.kind === 'message' ? reading.name.key : '';
}
