/** Days of the calendar in UTC, as rules and logs name them. Pure. */

declare const calendar: unique symbol;

/** A day in UTC as `YYYY-MM-DD`; days in this form compare as text. */
export type Day = string & { readonly [calendar]: true };

const millisecondsOfDay = 24 * 3600_000;
let last = { day: Number.NaN, text: '' as Day };

/** The day of a moment. Written once a day: every message asks for it. */
export function utcDay(now: Date): Day {
  const day = Math.floor(now.getTime() / millisecondsOfDay);
  if (day !== last.day) last = { day, text: textOf(now.getTime()) };
  return last.text;
}

/** @returns `undefined` where `text` is no day of the calendar, or written in another way */
export function parseDay(text: string): Day | undefined {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) return undefined;
  const day = textOf(time);
  return day === text ? day : undefined;
}

export function dayAfter(day: Day): Day {
  return textOf(Date.parse(day) + millisecondsOfDay);
}

/** The day so many days before. */
export function dayBefore(day: Day, days: number): Day {
  return textOf(Date.parse(day) - days * millisecondsOfDay);
}

function textOf(time: number): Day {
  return new Date(time).toISOString().slice(0, 10) as Day;
}
