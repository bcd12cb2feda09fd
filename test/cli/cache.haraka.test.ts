/** `cache` against a policy host of the lab. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { callIn } from './lab_call';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({
    domains: {
      'sts.example': { sts: { policy: { mode: 'enforce' }, id: 'first' } },
      'plain.example': {},
      'empty.example': { sts: { policy: '' } },
      'odd.example': { sts: { policy: 'version: STSv1\nmode: often\n' } },
    },
  });
}, 60_000);

afterAll(() => lab.stop());

const cache = (...args: string[]) => callIn(lab, ['cache', ...args]);

const nothingStored = () => `no policy is stored in ${path.join(lab.haraka.directory, 'mta-sts')}\n`;

test('a policy is fetched, listed, shown and purged', async () => {
  expect(await cache('list')).toEqual({ code: 0, out: nothingStored() });
  expect(await cache('refresh', 'STS.example')).toEqual({
    code: 0,
    out: 'sts.example: mode enforce, id first\n',
  });
  expect((await cache('list')).out).toMatch(
    /^sts\.example {2}enforce {2}until \S+Z {2}id first {2}mx\.sts\.example\n$/,
  );
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown;
  expect(JSON.parse((await cache('list', '--json')).out)).toMatchObject([
    { domain: 'sts.example', id: 'first', fetched: time, expires: time, policy: { mode: 'enforce' } },
  ]);
  const { code, out } = await cache('show', 'sts.example');
  expect(code).toBe(0);
  expect(out).toMatch(
    /^domain: sts\.example\nid: first\nfetched: \S+\nexpires: \S+\nversion: STSv1\nmode: enforce\nmx: mx\.sts\.example\n/,
  );
  expect(await cache('purge', 'sts.example')).toEqual({ code: 0, out: 'sts.example: purged\n' });
  expect(await cache('list')).toEqual({ code: 0, out: nothingStored() });
}, 60_000);

test('what is not there is said, with exit code 1', async () => {
  expect(await cache('show', 'plain.example')).toEqual({
    code: 1,
    out: 'no policy of plain.example is stored\n',
  });
  expect(await cache('purge', 'plain.example')).toEqual({
    code: 1,
    out: 'plain.example: no policy is stored\n',
  });
  expect(await cache('refresh', 'plain.example')).toEqual({ code: 1, out: 'plain.example: no policy\n' });
  expect((await cache('forget')).code).toBe(2);
}, 60_000);

test('`explain` says once why a policy that is published does not count', async () => {
  const sts = async (domain: string) =>
    /^MTA-STS +(.*)$/m.exec((await callIn(lab, ['explain', '<>', domain])).out)?.[1];
  expect(await sts('plain.example')).toBe('no policy published');
  expect(await sts('odd.example')).toMatch(/^no policy: line 2 "mode: often": /);
  expect(await sts('empty.example')).toMatch(/^no policy: (?!MTA-STS)/);
}, 60_000);

test('an entry that is damaged is purged by its domain', async () => {
  await cache('refresh', 'sts.example');
  const store = path.join(lab.haraka.directory, 'mta-sts');
  const policies = () => readdirSync(store).filter((name) => name !== 'rules.json');
  const [name = ''] = policies();
  writeFileSync(path.join(store, name), 'x');
  expect((await cache('show', 'sts.example')).code).toBe(1);
  expect(await cache('purge', 'sts.example')).toMatchObject({ code: 0, out: 'sts.example: purged\n' });
  expect(policies()).toEqual([]);
}, 60_000);

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('SKIPPED: cache as root, which needs to be root\n');

const asRoot = { tags: ['regression'], timeout: 60_000 };
test.skipIf(!isRoot)('what root writes belongs to the user of smtp.ini', asRoot, async () => {
  const nobody = Number(execFileSync('id', ['-u', 'nobody']));
  const store = path.join(lab.haraka.directory, 'mta-sts');
  rmSync(store, { recursive: true, force: true });
  // That user has to find its way, as it has to in an install.
  chmodSync(path.dirname(lab.haraka.directory), 0o755);
  await lab.haraka.writeConfig('smtp.ini', 'nodes=0\nuser=nobody\n');
  expect((await cache('refresh', 'sts.example')).code).toBe(0);
  const [name = ''] = readdirSync(store);
  for (const made of [store, path.join(store, name)]) expect(statSync(made).uid).toBe(nobody);
  expect((await cache('list')).out).toContain('sts.example');
  expect((await callIn(lab, ['explain', 'a.example', 'sts.example'])).out).toContain('id first');
  await lab.haraka.writeConfig('smtp.ini', 'nodes=0\nuser=nobody-of-that-name\n');
  expect((await cache('list')).code).toBeGreaterThan(1);
});
