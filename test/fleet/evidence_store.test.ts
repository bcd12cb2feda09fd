/** The record as another host of the fleet reads it: what holds of the files holds of what is in Redis. */
import { afterAll, beforeAll, describe } from 'vitest';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';
import { storeFacts } from '../evidence/store_facts';
import { connectTo, FleetHost } from './evidence_lab';

if (!redisIsThere)
  console.warn('\n*** redis-server is not installed: the record in Redis is NOT TESTED ***\n');

let server: RedisServer;
let opened = 0;

describe.skipIf(!redisIsThere)('the fleet', () => {
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const secret = 'a secret of the fleet of 32 octets';
  storeFacts('Redis', async () => {
    const redis = connectTo(server.port, `facts${++opened}`);
    await redis.ready(5_000);
    const [one, other] = [
      new FleetHost(redis, 'one.example', secret),
      new FleetHost(redis, 'other.example', secret),
    ];
    return {
      directory: one.directory,
      settle: async (now) => {
        one.now = now;
        await one.publisher.flush();
      },
      reader: (today) => other.reader(today),
      mishap: async (which) => {
        if (which % 3 !== 0) await server.ask('FLUSHALL');
        if (which % 3 !== 1) one.restart();
      },
      end: async () => {
        for (const host of [one, other]) host.end();
        await redis.close();
      },
    };
  });
});
