/** What the policies of a fleet take in Redis. */
import { connectFleet } from '../../../src/fleet/connection';
import { encodePolicy } from '../../../src/fleet/policy_entry';
import { silent } from '../../../src/log';
import { startRedis } from '../../support/redis_server';
import { fail, type Print } from './words';

const secrets = ['0123456789abcdef0123456789abcdef'] as const;
const batch = 1_000;

/** @param domains as many as are written; what a million take follows */
export async function memoryOfPolicies(print: Print, domains: number): Promise<void> {
  const server = await startRedis();
  const place = { host: '127.0.0.1', port: server.port, path: '', tls: false };
  const redis = connectFleet({
    server: { ...place, username: '', password: '', database: 0, url: '' },
    prefix: 'tls-peers',
    log: silent,
  });
  try {
    if (!(await redis.ready(5_000))) fail('Redis does not answer');
    const before = await used(server);
    let octets = 0;
    for (let begun = 0; begun < domains; begun += batch) {
      const entries = Array.from({ length: batch }, (_, index) => entryOf(begun + index));
      octets += entries.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
      await redis.run(60_000, (client) =>
        Promise.all(
          entries.map(([name, text]) =>
            client.set(redis.key('policy', name), text, { expiration: { type: 'PX', value: 604_800_000 } }),
          ),
        ),
      );
    }
    const each = ((await used(server)) - before) / domains;
    const one = (await server.ask(`MEMORY USAGE ${redis.key('policy', entryOf(0)[0])}`)).trim().slice(1);
    print(
      `${domains} policies: ${Math.round(octets / domains)} octets of name and value each, ${Math.round(each)} in memory ` +
        `(MEMORY USAGE of one: ${one}); a million: ${Math.round(each)} MB`,
    );
  } finally {
    await redis.close();
    await server.stop();
  }
}

/** As they are out there: a name of some length, two or three hosts. */
function entryOf(number: number): [name: string, text: string] {
  const domain = `customer-${number}.mail-provider.example`;
  const mx = ['*.protection.outlook.example', 'mx1.mail-provider.example', 'mx2.mail-provider.example'];
  const stored = {
    domain,
    roots: 'default',
    id: '20260101T000000',
    fetchedAt: 1_800_000_000_000,
    policy: { mode: 'enforce', mx, maxAge: 604_800, extensions: [] },
  } as const;
  return [domain, encodePolicy(secrets, 'mail1.example.com', stored)];
}

async function used(server: { ask(command: string): Promise<string> }): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await server.ask('INFO memory'))?.[1]);
}
