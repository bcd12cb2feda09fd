/** A few of the starts that `npm run test:root-start` makes by the dozen, and what may lie in the way of the store. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryName } from '../../../src/mta_sts/entry';
import {
  classify,
  describe as tell,
  domains,
  giveAll,
  obstacle,
  owner,
  prepareRootStart,
  type RootStart,
} from './world';

if (obstacle !== '') process.stderr.write(`SKIPPED: starts from root; ${obstacle}\n`);

/** Answers OK before anybody else: Haraka asks no other plugin then. */
const early = `
exports.register = function () { this.register_hook('send_email', 'go', -200); };
exports.go = (next) => next(OK);
`;

const aSecondRoot = { uid: 54_321, gid: 54_321 };

describe.skipIf(obstacle !== '').each([2, 'unset'] as const)(
  'a Haraka that starts as root with a full queue, nodes %s',
  { tags: ['regression'] },
  (workers) => {
    let world: RootStart;
    let aside: string;
    beforeAll(async () => {
      world = await prepareRootStart({
        workers,
        plugins: ['tls-peers', 'early'],
        ownPlugins: { early },
        config: {
          'tls-peers.ini': '[outbound]\nsecurity_level = mta_sts\naction_on_failure = bounce\n',
          // Where no domain has rules, an unreadable store could hide that their files have vanished.
          'tls-peers/managed.example.ini': '[outbound]\nsecurity_level = auto\n',
        },
      });
      aside = `${world.store}.aside`;
      await fs.cp(world.store, aside, { recursive: true });
    }, 120_000);
    afterAll(() => world.stop());
    // The rest does not depend on how many workers there are.
    const once = workers === 2 ? it : it.skip;

    /** The policies as Haraka left them. */
    async function storeAsBefore(whose = owner): Promise<void> {
      await fs.rm(world.store, { recursive: true, force: true });
      await fs.cp(aside, world.store, { recursive: true });
      await fs.chmod(world.store, 0o700);
      await giveAll(world.store, whose);
    }

    async function start(): Promise<Record<string, string>> {
      await world.restart();
      const outcomes = await world.outcomes();
      expect(world.inCleartext()).toBe(0);
      return Object.fromEntries(
        outcomes.map((one) => [one.domain, classify(one) === 'otherwise' ? tell(one) : classify(one)]),
      );
    }

    const byThePolicies = {
      'a.example': 'enforced',
      'b.example': 'enforced',
      'c.example': 'enforced',
      'stripped.example': 'bounced',
    };
    /** Each domain's fate, shortened to what counts. */
    const short = (fates: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(fates).map(([domain, fate]) => [
          domain,
          /bounced|sts-policy-fetch-error/.exec(fate)?.[0] ?? fate,
        ]),
      );
    const deferred = Object.fromEntries(
      Object.keys(byThePolicies).map((domain) => [domain, 'sts-policy-fetch-error']),
    );

    async function readOnDisk(): Promise<number> {
      const { uid } = await fs.stat(world.store);
      return uid;
    }

    it('delivers by the policies on disk, while their hosts are down', async () => {
      expect(short(await start())).toEqual(byThePolicies);
      expect(await readOnDisk()).toBe(owner.uid);
    }, 60_000);

    once(
      'gives the user what an earlier start left as root’s',
      async () => {
        await storeAsBefore({ uid: 0, gid: 0 });
        expect(short(await start())).toEqual(byThePolicies);
        expect(await readOnDisk()).toBe(owner.uid);
      },
      60_000,
    );

    once(
      'defers where the store cannot be read, and delivers once the command in the log was run',
      async () => {
        await storeAsBefore(aSecondRoot);
        const from = world.lab.haraka.logLines.length;
        expect(short(await start())).toEqual(deferred);
        const pattern = /MTA-STS store: .*belongs to another user.*To mend it, as root: (.*)$/;
        const line = await world.lab.haraka.waitForLog(pattern, { from });
        execFileSync('sh', ['-c', pattern.exec(line)?.[1] ?? 'false']);
        expect(short(await start())).toEqual(byThePolicies);
      },
      90_000,
    );

    once(
      'defers the mail of one domain whose entry is damaged',
      async () => {
        await storeAsBefore();
        await fs.writeFile(path.join(world.store, entryName({ domain: 'b.example', roots: 'default' })), '');
        expect(short(await start())).toEqual({ ...byThePolicies, 'b.example': 'sts-policy-fetch-error' });
      },
      60_000,
    );

    once(
      'follows no link in place of the directory',
      async () => {
        await fs.rm(world.store, { recursive: true });
        const target = path.join(path.dirname(world.store), 'target');
        await fs.cp(aside, target, { recursive: true });
        await fs.chmod(target, 0o755);
        await fs.symlink(target, world.store);
        await fs.lchown(world.store, owner.uid, owner.gid);
        expect(short(await start())).toEqual(deferred);
        const { uid, mode } = await fs.stat(target);
        expect([uid, mode & 0o777]).toEqual([0, 0o755]);
        const kept = (await fs.readdir(target)).filter((name) => name !== 'rules.json');
        expect(kept).toHaveLength(Object.keys(byThePolicies).length);
      },
      60_000,
    );

    once(
      'makes the directory where it is missing, and keeps there what it fetches',
      async () => {
        await fs.rm(world.store, { recursive: true });
        for (const domain of domains) await world.lab.setRoute(domain, 443, 'open');
        expect(short(await start())).toEqual(byThePolicies);
        expect(await readOnDisk()).toBe(owner.uid);
        const names = await fs.readdir(world.store);
        expect(names.filter((name) => /^[0-9a-f]+\.json$/.test(name))).toHaveLength(4);
        for (const domain of domains) await world.lab.setRoute(domain, 443, 'refused');
        expect(short(await start())).toEqual(byThePolicies);
      },
      90_000,
    );
  },
);
