/**
 * `npm run test:requiretls`: RFC 8689 through real Harakas. Parts may be named: table, taking_in, conversations, bouncing, odds, hops, beside, insisting, lasting, storm.
 *
 * Exit code 0 only if everything goes as it should.
 */
import { beside } from './beside';
import { bouncing } from './bouncing';
import { Checks } from './checks';
import { conversations } from './conversations';
import { toOtherServers, twoHarakas } from './hops';
import { insisting } from './insisting';
import { lasting } from './lasting';
import { odds } from './odds';
import { startStation } from './station';
import { storm } from './storm';
import { runCases } from './table';
import { takingIn } from './taking_in';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const parts: Readonly<Record<string, (checks: Checks) => Promise<void>>> = {
  table: async (checks) => {
    const station = await startStation();
    try {
      await runCases(station, checks);
    } finally {
      await station.stop();
    }
  },
  taking_in: takingIn,
  conversations,
  bouncing,
  odds,
  hops: async (checks) => {
    await twoHarakas(checks);
    await toOtherServers(checks, say);
  },
  beside,
  insisting,
  lasting,
  storm,
};

async function main(named: readonly string[]): Promise<number> {
  const checks = new Checks(say);
  for (const [name, run] of Object.entries(parts)) {
    if (named.length > 0 && !named.includes(name)) continue;
    say(`--- ${name}`);
    try {
      await run(checks);
    } catch (error) {
      checks.hold(`${name} comes to its end`, false, error instanceof Error ? error.stack : String(error));
    }
  }
  say(`${checks.count} held, ${checks.faults.length} faults`);
  for (const fault of checks.faults) say(`FAULT: ${fault}`);
  return checks.faults.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
