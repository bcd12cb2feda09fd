/**
 * `npm run test:truth`: run as root against an install of `user = nobody`. What operators do to an install is found by `lint` before the
 * start, and what the finding says mends it; what Haraka's user cannot read is judged as delivery judges it; and what `test` and
 * `explain` say of every peer of `npm start` is what a delivery comes to.
 *
 * `--only misconfigured` and `--only equal` run a part of it. Exit code 0 only if all of it is so; where this is not root it says so loudly, and nothing is run.
 */
import { parseArgs } from 'node:util';
import { freePort } from '../../../haraka-test-harness/program';
import { startLab } from '../../../haraka-test-harness';
import { scenarioConfig, scenarioWorld, scenarios } from '../../../haraka-test-harness/scenarios';
import { compareAll } from './equality';
import { lint, obstacle, startInstall, told, user } from './install';
import { misconfigurations } from './misconfigurations';
import { show } from './show';
import { fateOf, withheld } from './withheld';

const { values } = parseArgs({ options: { only: { type: 'string' } } });

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function misconfigured(): Promise<string[]> {
  const install = await startInstall(await freePort());
  const faults: string[] = [];
  try {
    for (const one of withheld) {
      one.make(install);
      const fate = await fateOf(install, one);
      one.undo(install);
      const equal = fate.test === fate.delivery && fate.explain === fate.delivery;
      say(
        `${equal ? 'ok  ' : 'FAIL'} withheld: ${one.name}: test ${fate.test}, explain ${fate.explain}, delivery ${fate.delivery}`,
      );
      if (!equal) faults.push(one.name);
    }
    await install.lab.haraka.restart();
    const running = await lint(install);
    await install.lab.haraka.stop();
    const stopped = await lint(install);
    for (const [when, { findings }] of [
      ['beside a Haraka that runs', running],
      ['before a start', stopped],
    ] as const) {
      say(`${findings.length === 0 ? 'ok  ' : 'FAIL'} an install in which nothing is wrong, ${when}`);
      faults.push(...findings.map((one) => `${when}: ${told(one)}`));
    }
    for (const one of misconfigurations) {
      const { mended, faults: wrong } = await show(install, one);
      say(`${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${one.name}; mended: ${mended}`);
      faults.push(...wrong.map((fault) => `${one.name}: ${fault}`));
    }
    return faults;
  } finally {
    await install.lab.stop();
  }
}

async function equal(): Promise<string[]> {
  const lab = await startLab(scenarioWorld, {
    user,
    config: scenarioConfig(),
    resolver: { timeout: '1', deadline: '3' },
  });
  try {
    const faults = await compareAll(lab, say);
    say(`${faults.length === 0 ? 'ok  ' : 'FAIL'} test, explain and delivery: ${scenarios.length} peers`);
    return faults;
  } finally {
    await lab.stop();
  }
}

async function main(): Promise<number> {
  if (obstacle !== '') {
    say(`SKIPPED: what root says of an install of another user; ${obstacle}`);
    return 0;
  }
  const faults = [
    ...(values.only === 'equal' ? [] : await misconfigured()),
    ...(values.only === 'misconfigured' ? [] : await equal()),
  ];
  for (const fault of faults) say(`FAULT: ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  },
);
