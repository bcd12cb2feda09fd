/** `npm run test:requiretls`: RFC 8689 through real Harakas. Exit code 0 only if everything goes as it should. */
import { startStation } from './station';
import { runCases } from './table';
import { cases } from './cases';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const faults: string[] = [];
  const station = await startStation();
  try {
    faults.push(...(await runCases(station, say)));
  } finally {
    await station.stop();
  }
  say(`${cases.length} cases, ${faults.length} faults`);
  for (const fault of faults) say(`FAULT: ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

process.exitCode = await main();
