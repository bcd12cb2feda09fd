/** Sessions of the page that were ended by a log-out, in all processes. */
import type { Ended } from '../src/web/access/access';

/** At most; those that would have lasted longest stay. */
const most = 10_000;

export interface EndedSessions extends Ended {
  /** What another process said. */
  heard(notice: string): void;
}

/** @param tell has the other processes told */
export function endedSessions(tell: (notice: string) => void): EndedSessions {
  const until = new Map<string, number>();
  const add = (id: string, end: number): void => {
    for (const [other, over] of until) if (over < Date.now() || until.size >= most) until.delete(other);
    until.set(id, end);
  };
  return {
    has: (id) => until.has(id),
    add: (session) => {
      add(session.id, session.until);
      tell(`${session.id} ${session.until}`);
    },
    heard: (notice) => {
      const [id = '', end = ''] = notice.split(' ');
      if (id !== '' && Number(end) > 0) add(id, Number(end));
    },
  };
}
