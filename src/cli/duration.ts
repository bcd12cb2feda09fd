/** Lengths of time for people. Pure. */

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** `2 h 5 min`: the two largest units that say anything; `0 s` for less than a second. @param ms milliseconds */
export function durationText(ms: number): string {
  let seconds = Math.floor(Math.abs(ms) / 1000);
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}

/** `2026-11-29 01:10 UTC` */
export function momentText(moment: Date): string {
  const text = Number.isNaN(moment.getTime()) ? '' : moment.toISOString();
  return text === '' ? 'an unknown time' : `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}
