/** A few of what `npm run test:truth` shows at length: those for which nobody has to be asked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lint, obstacle, startInstall, told, type Install } from './install';
import { misconfigurations } from './misconfigurations';
import { show } from './show';
import { fateOf, withheld } from './withheld';

if (obstacle !== '')
  process.stderr.write(`SKIPPED: what root says of an install of another user; ${obstacle}\n`);

describe.skipIf(obstacle !== '')('root looks at an install of another user', () => {
  let install: Install;
  beforeAll(async () => {
    install = await startInstall(1);
  }, 120_000);
  afterAll(() => install.lab.stop());

  it.each(withheld.slice(0, 2))(
    '`test` and `explain` say what a delivery does without $name',
    async (one) => {
      one.make(install);
      expect(await fateOf(install, one)).toEqual({ test: 'waits', explain: 'waits', delivery: 'waits' });
      one.undo(install);
    },
  );

  it('finds nothing where nothing is wrong', async () => {
    expect((await lint(install, '--offline')).findings.map(told)).toEqual([]);
  });

  it.each(misconfigurations.filter(({ takes }) => takes === 'files'))(
    'finds, before a start, and says what mends: $name',
    async (one) => {
      expect(await show(install, one)).toMatchObject({ faults: [] });
    },
  );
});
