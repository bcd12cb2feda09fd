/**
 * `npm run test:fleet`: three Harakas with two workers each, and a real Redis between them.
 *
 * `--only memory|cost|record|once|faults` plays one part, `--domains N` has so many domains cold (1,000), `--minutes N` is how long the faults last
 * together (10). `REDIS_SERVER=valkey-server` takes that server. Exit code 0 only if all is as it has to be.
 */
import { parseArgs } from 'node:util';
import { redisIsThere } from '../../support/redis_server';
import { throughFaults } from './faults';
import { memoryOfPolicies } from './memory';
import { fetchedOnce } from './once';
import { recordOfFleet } from './record';
import { costOfRecord } from './record_cost';
import type { Print } from './words';

const print: Print = (line) => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      domains: { type: 'string', default: '1000' },
      minutes: { type: 'string', default: '10' },
    },
  });
  if (!redisIsThere) {
    print('*** redis-server is not installed: NOTHING WAS TESTED ***');
    return;
  }
  const parts: Readonly<Record<string, (say: Print) => Promise<void>>> = {
    faults: (say) => throughFaults(say, { minutes: Number(values.minutes) }),
    memory: (say) => memoryOfPolicies(say, 100_000),
    cost: (say) => costOfRecord(say, 1_000),
    record: (say) => recordOfFleet(say),
    once: (say) => fetchedOnce(say, { domains: Number(values.domains) }),
  };
  for (const [name, run] of Object.entries(parts)) {
    if (values.only !== undefined && values.only !== name) continue;
    print(name);
    try {
      await run((line) => print(`  ${line}`));
    } catch (error) {
      print(`  WRONG ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
}

main().catch((error: unknown) => {
  print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});
