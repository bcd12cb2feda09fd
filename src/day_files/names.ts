/** The names of files of counts. Pure. */
import { randomBytes } from 'node:crypto';
import { parseDay, type Day } from '../peers/day';

/** Every process, and every day in it, has a file of its own. */
export function countsName(day: Day): string {
  return `${day}.${randomBytes(8).toString('hex')}.counts`;
}

/** The day of a file of counts; `undefined` for any other file. */
export function dayOfCounts(name: string): Day | undefined {
  const [, day = ''] = /^(\d{4}-\d\d-\d\d)\.[0-9a-f]{16}\.counts$/.exec(name) ?? [];
  return parseDay(day);
}
