/** One peer: the chart beside the record, impact as the level moves, the test, and what it says to copy. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { PeerTraffic } from '../../../src/evidence/views/traffic';
import type { Look } from './look';
import { visit } from './visitor';

const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');

export async function lookAtPeer({ browser, page, checks, directory }: Look): Promise<void> {
  const visitor = await visit(browser, page, directory);
  await visitor.logIn();
  const { page: tab } = visitor;
  const command = (...args: string[]): unknown => {
    try {
      return JSON.parse(
        execFileSync(process.execPath, [cli, ...args, '--json', '-c', page.lab.haraka.directory], {
          encoding: 'utf8',
        }),
      );
    } catch (error) {
      // What it found stands in its exit code as well.
      return JSON.parse((error as { stdout: string }).stdout);
    }
  };

  for (const peer of ['good.example', 'tls12.example', 'clear.example', 'two-hosts.example']) {
    await visitor.goTo(`#/peer?managed=ours.example&direction=out&peer=${peer}`);
    const shown = await tab.$$eval('figure', (figures) =>
      figures.map((figure) => {
        const names = [...figure.querySelectorAll('thead th.number')].map((cell) => cell.textContent.trim());
        const sums = names.map(() => 0);
        for (const row of figure.querySelectorAll('tbody tr'))
          for (const [at, cell] of [...row.querySelectorAll('td')].entries())
            sums[at] = (sums[at] ?? 0) + Number(cell.textContent.replaceAll(',', ''));
        return Object.fromEntries(names.map((name, at) => [name, sums[at] ?? 0]));
      }),
    );
    const record = command('traffic', '--days', '30', '--managed', 'ours.example', '--peer', peer) as {
      peers: PeerTraffic[];
    };
    const [row] = record.peers;
    const names: Record<string, string> = { none: 'cleartext', 'TLSv1.2': 'TLS 1.2', 'TLSv1.3': 'TLS 1.3' };
    const wanted = Object.fromEntries(
      Object.entries(row?.tls ?? {}).map(([name, count]) => [names[name] ?? name, count]),
    );
    const failed = { deferred: row?.deferred ?? 0, delivered: row?.messages ?? 0 };
    const wantedOutcomes = Object.fromEntries(Object.entries(failed).filter(([, count]) => count > 0));
    checks.check(
      `the charts of ${peer} say what the record says`,
      same(shown[0] ?? {}, wanted) && same(shown[1] ?? {}, wantedOutcomes),
      `${JSON.stringify(shown)} beside ${JSON.stringify([wanted, wantedOutcomes])}`,
    );
  }

  await visitor.goTo('#/peer?managed=ours.example&direction=out&peer=tls12.example');
  for (const [name, value] of [
    ['security_level', 'mandatory'],
    ['security_level', 'verify'],
    ['security_level', 'mandatory_dane'],
    ['min_tls_version', '1.3'],
    ['security_level', 'opportunistic'],
  ] as const) {
    await tab.click(`input[name=${name}][value='${value}']`);
    await tab.waitForFunction(() => document.querySelector('#impact .stale, #impact .loading') === null);
    const set = await tab.$eval('.copy pre', (element) => element.textContent.split('\n').slice(1, 3));
    const sets = set.filter((line) => line !== '').map((line) => line.replaceAll(' ', ''));
    const wanted = command(
      ...['impact', '--days', '30', '--managed', 'ours.example', '--peer', 'tls12.example'],
      ...sets.flatMap((one) => ['--set', one]),
    ) as { total: Record<'messages' | 'refused' | 'notKnown', number> };
    const text = await visitor.text('#impact');
    const { refused, messages } = wanted.total;
    const fits =
      refused > 0 ? text.includes(`${refused} would be refused`) : !text.includes('would be refused');
    checks.check(`impact of ${sets.join(', ')}`, fits, `${text.trim()} (${refused} of ${messages} refused)`);
  }
  await tab.keyboard.press('ArrowRight');
  await visitor.shot('peer-impact');

  await tab.click('#test');
  await tab.waitForFunction(() => document.querySelector('.tested') !== null, { timeout: 30_000 });
  checks.check('the test goes', (await visitor.text('.tested')).includes('A message would go.'));
  await visitor.shot('peer-tested');
  await visitor.goTo('#/peer?managed=ours.example&direction=out&peer=hostile.example');
  await tab.click('#test');
  await tab.waitForFunction(() => document.querySelector('.tested') !== null, { timeout: 30_000 });
  const shown = await visitor.text('main');
  checks.check('what a hostile host says stands there as text', shown.includes('<script>'), '');
  checks.check(
    'without a control or bidi character',
    !['\u202e', '\u0007'].some((char) => shown.includes(char)),
  );
  const hacked = await tab.evaluate(() => (window as unknown as { hacked?: number }).hacked);
  checks.check('and was not run', hacked === undefined);
  await visitor.shot('peer-hostile-tested');
  const stranger = await page.get('api/v1/test', {
    method: 'POST',
    body: new URLSearchParams({ domain: 'never-seen.example' }),
  });
  checks.check(
    'a domain of no rule and no record is not connected to',
    stranger.status === 404,
    String(stranger.status),
  );
  await visitor.close();
}

function same(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>): boolean {
  const text = (of: Readonly<Record<string, number>>) => JSON.stringify(Object.entries(of).sort());
  return text(one) === text(other);
}
