const millisecondsOfDay = 24 * 3600_000;
let last = { day: Number.NaN, text: '' };

/** The day in UTC as `YYYY-MM-DD`. Written once a day: every message asks for it. */
export function utcDay(now: Date): string {
  const day = Math.floor(now.getTime() / millisecondsOfDay);
  if (day !== last.day) last = { day, text: now.toISOString().slice(0, 10) };
  return last.text;
}

/** Both as `YYYY-MM-DD`. */
export function dayAfter(day: string): string {
  return new Date(Date.parse(day) + millisecondsOfDay).toISOString().slice(0, 10);
}
