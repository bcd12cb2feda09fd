/** What a request asks for, read once. Pure. */
import type { Direction } from '../../evidence/day_table';
import type { Wanted } from '../../evidence/evidence';
import { dayBefore, parseDay, type Day } from '../../peers/day';
import { AskedWrongly } from './reply';

export type QueryPairs = readonly (readonly [string, string])[];

/** Characters of one value. */
const longest = 1_000;

export class Query {
  readonly #values = new Map<string, string[]>();

  constructor(pairs: QueryPairs) {
    for (const [name, value] of pairs) {
      if (value.length > longest) throw new AskedWrongly(`${name}: too long`);
      this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
    }
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** @throws AskedWrongly where it is absent */
  needed(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw new AskedWrongly(`${name} is needed`);
    return value;
  }

  flag(name: string): boolean {
    const value = this.text(name);
    return value !== undefined && value !== '0' && value !== 'false';
  }

  choice<const T extends string>(name: string, options: readonly T[], usual: T): T {
    const value = this.text(name);
    if (value === undefined || value === '') return usual;
    const found = options.find((option) => option === value);
    if (found === undefined) throw new AskedWrongly(`${name}: one of ${options.join(', ')}`);
    return found;
  }

  integer(name: string, { min, max, usual }: { min: number; max: number; usual: number }): number {
    const value = this.text(name);
    if (value === undefined || value === '') return usual;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(number) || number < min || number > max)
      throw new AskedWrongly(`${name}: a whole number from ${min} to ${max}`);
    return number;
  }

  /** `local`: what this host has counted, also where a fleet shares it. */
  recordUse(): 'looked_at' | 'host' {
    return this.flag('local') ? 'host' : 'looked_at';
  }

  direction(): Direction | undefined {
    const found = this.choice('direction', ['', 'out', 'in'], '');
    return found === '' ? undefined : found;
  }

  /** `days`, or `from` and `to`, as the commands have them; `managed`, `direction`, `peer`. */
  wanted(today: Day, usualDays: number): Wanted {
    const [managed, peer] = [this.text('managed')?.toLowerCase(), this.text('peer')?.toLowerCase()];
    const direction = this.direction();
    return {
      ...this.#window(today, usualDays),
      ...(managed === undefined ? {} : { managed }),
      ...(peer === undefined || peer === '' ? {} : { peer }),
      ...(direction === undefined ? {} : { direction }),
    };
  }

  #window(today: Day, usualDays: number): { from: Day; to: Day } {
    const to = this.#day('to') ?? today;
    const from = this.#day('from');
    if (from !== undefined) {
      if (from > to) throw new AskedWrongly('from is after to');
      return { from, to };
    }
    const days = this.integer('days', { min: 1, max: 3650, usual: usualDays });
    return { from: dayBefore(to, days - 1), to };
  }

  #day(name: string): Day | undefined {
    const value = this.text(name);
    if (value === undefined || value === '') return undefined;
    const day = parseDay(value);
    if (day === undefined) throw new AskedWrongly(`${name}: a day as YYYY-MM-DD`);
    return day;
  }
}
