/** When reports are sent. Pure. */
import type { Day } from '../../peers/day';
import type { Standing } from '../store/journal';

const minute = 60_000;
const hour = 60 * minute;

/** So long it is tried (RFC 8460 section 5.5). */
export const givenUpAfter = 24 * hour;

/** Processes have written what they counted of a day by then, and clocks that differ a little have passed it. */
const settling = minute;

/** When the reports of `day` begin to be sent. @param delay milliseconds */
export function dueAt(day: Day, delay: number): number {
  return Date.parse(`${day}T00:00:00Z`) + 24 * hour + settling + delay;
}

/** Whether something may still become of it, and whether now. */
export type NextTry =
  | { readonly kind: 'done' }
  /** Somebody else will say: Haraka has it in its queue. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'due' }
  /** Milliseconds since 1970. */
  | { readonly kind: 'later'; readonly at: number }
  | { readonly kind: 'give_up' };

export function nextTry(standing: Standing | 'nothing' | undefined, now: number): NextTry {
  if (standing === undefined || standing === 'nothing') return { kind: 'due' };
  switch (standing.state) {
    case 'accepted':
    case 'refused':
    case 'given_up':
    case 'suppressed':
    case 'unwanted':
    case 'settled':
      return { kind: 'done' };
    case 'queued':
    case 'held':
      return { kind: 'waiting' };
    case 'failed': {
      if (now - standing.first >= givenUpAfter) return { kind: 'give_up' };
      const at = Math.min(standing.last + pauseAfter(standing.tries), standing.first + givenUpAfter);
      return at <= now ? { kind: 'due' } : { kind: 'later', at };
    }
  }
}

/** Longer each time: 15 minutes, up to 4 hours. */
function pauseAfter(tries: number): number {
  return Math.min(15 * minute * 2 ** Math.max(0, tries - 1), 4 * hour);
}
