/**
 * Notices about peers that begin to fail or recover, once for the fleet: the first process that finds it out says so. While Redis is
 * away each process says it for itself: one line too many is better than none.
 */
import { createHash } from 'node:crypto';
import type { FleetRedis } from './connection';
import { isSigned, sign, type Secrets } from './secret';

export interface FleetNotices {
  /** Whether nobody has said yet that `peer` fails for `reason`. Never rejects. @param peer whatever names it */
  isFirstFailure(peer: string, reason: string): Promise<boolean>;
  /** The same of its recovery: whether it still counts as failing. Never rejects. */
  isFirstRecovery(peer: string): Promise<boolean>;
}

export interface FleetNoticesOptions {
  readonly redis: FleetRedis;
  /** `undefined`: whoever can write to Redis can keep a notice from being said. */
  readonly secrets: Secrets | undefined;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A failure that lasts is said again after a day. Milliseconds. */
const lifetime = 24 * 3600_000;
/** No delivery waits for it. Milliseconds. */
const patience = 1_000;

export function createNotices(options: FleetNoticesOptions): FleetNotices {
  const { redis, secrets, host, now } = options;
  const nameOf = (peer: string): string =>
    redis.key('failing', createHash('sha256').update(peer).digest('base64url'));

  /** Whether a host of the fleet wrote it, lately and about this. */
  function isSaid(text: string, peer: string, reason: string): boolean {
    if (secrets === undefined) return true;
    const [at = '', by = '', mac = ''] = text.split(' ');
    const age = now() - Number(at);
    return age < lifetime && isSigned(secrets, 'failing 1', [peer, reason, by, at], mac);
  }

  return {
    async isFirstFailure(peer, reason) {
      const name = nameOf(peer);
      const by = encodeURIComponent(host);
      const at = `${now()}`;
      const mac = secrets === undefined ? '' : sign(secrets, 'failing 1', [peer, reason, by, at]);
      try {
        const [isNew, said] = await redis.run(patience, (client) =>
          Promise.all([
            client.hSetNX(name, reason, `${at} ${by} ${mac}`),
            client.hGet(name, reason),
            client.pExpire(name, lifetime),
          ]),
        );
        return isNew === 1 || !isSaid(said ?? '', peer, reason);
      } catch {
        return true;
      }
    },
    async isFirstRecovery(peer) {
      return redis
        .run(patience, (client) => client.del(nameOf(peer)))
        .then(
          (removed) => removed > 0,
          () => true,
        );
    },
  };
}
