/**
 * `npm run test:browser`: Chromium at the page of a real Haraka with two workers. Pictures of each view stay in test-results/.
 * With `--timing` it also fails where a key is answered too late; the times are printed in any case.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startChecks } from './checks';
import { chromium, openBrowser } from './chromium';
import { lookAtAccess } from './access';
import { lookAtPeer } from './peer';
import { lookAtPeers } from './peers';
import { lookAtViews } from './views';
import { startWorld, world } from './world';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const directory = path.resolve(import.meta.dirname, '../../../test-results/browser');

async function run(executable: string): Promise<number> {
  mkdirSync(directory, { recursive: true });
  const checks = startChecks(print);
  const page = await startWorld();
  const browser = await openBrowser(executable);
  try {
    print('mail to every kind of peer');
    for (const domain of Object.keys(world.domains))
      for (let times = 0; times < 3; times++)
        await page.lab.send({ from: 'sender@ours.example', to: `recipient@${domain}` });
    const wanted = 3 * Object.keys(world.domains).length;
    while (page.lab.outcomes().length < wanted) await new Promise((resolve) => setTimeout(resolve, 200));
    const outcomes = page.lab.outcomes().length;
    print(`        ${outcomes} messages have an outcome`);
    // Counts are written every five seconds.
    await counted(page, wanted);
    for (const [name, look] of [
      ['who is let in', lookAtAccess],
      ['every view', lookAtViews],
      ['a hundred thousand peers', lookAtPeers],
      ['one peer', lookAtPeer],
    ] as const) {
      print(name);
      await look({ browser, page, checks, directory });
    }
  } finally {
    await browser.close();
    for (const line of page.lab.haraka.logLines.filter((one) => one.includes('] page: ')))
      if (!/log-in/.test(line)) checks.check('nothing went wrong within', false, line);
    await page.stop();
  }
  print(`pictures: ${directory}`);
  print(checks.failed === 0 ? 'all as it should be' : `${checks.failed} WRONG`);
  return checks.failed === 0 ? 0 : 1;
}

async function counted(page: Awaited<ReturnType<typeof startWorld>>, wanted: number): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    const { total } = await page.json<{ total: Record<'messages' | 'deferred' | 'bounced', number> }>(
      'api/v1/traffic?managed=ours.example',
    );
    if (total.messages + total.deferred + total.bounced >= wanted) return;
    if (Date.now() > end)
      throw new Error(`only ${JSON.stringify(total)} of ${wanted} attempts are in the record`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

if (chromium === undefined) {
  print('SKIPPED: no Chromium here (Debian package chromium); nothing of the page was looked at');
} else {
  process.exitCode = await run(chromium);
}
