/**
 * `npm run test:root-start [-- --starts 20] [--nodes 2|unset] [--haraka DIR]`: starts a real cluster from root, with a user to become, certificates in
 * config/tls/ and a full queue, so many times with `nodes=2` and so many with `nodes` unset. Every message has to be
 * delivered over verified TLS by the policies on disk, while their policy hosts are down.
 */
import { parseArgs } from 'node:util';
import { classify, describe, obstacle, prepareRootStart } from './world';

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '20' },
    nodes: { type: 'string' },
    haraka: { type: 'string' },
  },
});

async function manyStarts(workers: 2 | 'unset', starts: number): Promise<boolean> {
  const world = await prepareRootStart({
    workers,
    ...(values.haraka === undefined ? {} : { haraka: values.haraka }),
  });
  const tally = { messages: 0, enforced: 0, refused: 0, otherwise: 0, cleartext: 0, lost: 0 };
  try {
    for (let start = 0; start < starts; start++) {
      await world.restart();
      const outcomes = await world.outcomes().catch((error: unknown) => {
        console.error(String(error));
        return [];
      });
      tally.messages += 4;
      tally.lost += 4 - outcomes.length;
      for (const outcome of outcomes) {
        const what = classify(outcome);
        tally[what]++;
        if (what === 'otherwise') console.error(`start ${start + 1}: ${describe(outcome)}`);
      }
    }
    tally.cleartext = world.inCleartext();
    console.log(
      `nodes ${workers}: ${starts} starts, ${tally.messages} messages: ${tally.enforced} delivered over verified TLS ` +
        `by the policies on disk, ${tally.refused} kept from a host without STARTTLS, ${tally.otherwise} otherwise; ` +
        `${tally.cleartext} in cleartext, ${tally.lost} lost`,
    );
    return tally.enforced === 3 * starts && tally.refused === starts && tally.cleartext === 0;
  } finally {
    await world.stop();
  }
}

if (obstacle !== '') {
  console.error(`SKIPPED: starts from root; ${obstacle}`);
} else {
  const starts = Number(values.starts);
  const results: boolean[] = [];
  for (const nodes of [2, 'unset'] as const) {
    if (values.nodes === undefined || values.nodes === String(nodes))
      results.push(await manyStarts(nodes, starts));
  }
  process.exitCode = results.every(Boolean) ? 0 : 1;
}
