import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silent } from '../../src/log';
import { entryName } from '../../src/mta_sts/entry';
import { exceeds, surplus, worthOf, type Worth } from '../../src/mta_sts/eviction';
import { createFileStore, type FileStoreOptions } from '../../src/mta_sts/file_store';
import type { PolicyStore, StoredPolicy } from '../../src/mta_sts/store';
import { ManualClock, World } from './support/sender';

const day = 24 * 3600_000;
const now = Date.now();

function policyOf(domain: string, mode: 'enforce' | 'none' = 'enforce', age = 0): StoredPolicy {
  const policy = { mode, mx: mode === 'none' ? [] : [`mx.${domain}`], maxAge: 86_400 * 30, extensions: [] };
  return { domain, roots: 'default', id: '1', fetchedAt: now - age, policy };
}

describe('which policies go first', () => {
  const candidate = (name: string, worth: Worth, usedAt: number, size = 1) => ({ name, worth, usedAt, size });
  const six = [
    candidate('new', 'ordinary', 9),
    candidate('named', 'named', 0),
    candidate('below', 'below_named', 1),
    candidate('old', 'ordinary', 2),
    candidate('none', 'worthless', 10),
    candidate('expired', 'worthless', 3),
  ];
  const gone = (maxEntries: number, maxBytes = 100) =>
    surplus(six, { maxEntries, maxBytes }).map(({ name }) => name);

  it('are those that protect nothing, then by last use, those of named peers never', () => {
    const order = ['expired', 'none', 'old', 'new', 'below'];
    for (let max = 6; max >= 0; max--) expect(gone(max)).toEqual(order.slice(0, 6 - max));
    expect(gone(6, 3)).toEqual(order.slice(0, 3));
  });

  it.each([
    ['a policy in force', policyOf('a.example'), 'not', 'ordinary'],
    ['mode none', policyOf('a.example', 'none'), 'not', 'worthless'],
    ['an expired one', policyOf('a.example', 'enforce', 31 * day), 'not', 'worthless'],
    ['one from the future', policyOf('a.example', 'enforce', -day), 'not', 'ordinary'],
    ['one below a wildcard', policyOf('a.example'), 'below', 'below_named'],
    ['mode none below a wildcard', policyOf('a.example', 'none'), 'below', 'worthless'],
    ['one of a named peer', policyOf('a.example', 'none', 31 * day), 'named', 'named'],
  ] as const)('judges %s', (_what, stored, naming, worth) => {
    expect(worthOf(stored, naming, now)).toBe(worth);
  });

  it('leaves what is within bounds, never takes more than it must, and never a named one', () => {
    const worth = fc.constantFrom<Worth>('named', 'below_named', 'ordinary', 'worthless');
    const one = fc.record({
      name: fc.uuid(),
      worth,
      usedAt: fc.nat(9),
      size: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(one), fc.nat(20), fc.nat(60), (all, maxEntries, maxBytes) => {
        const bounds = { maxEntries, maxBytes };
        const going = surplus(all, bounds);
        const left = all.filter((each) => !going.includes(each));
        expect(going.every((each) => each.worth !== 'named')).toBe(true);
        if (exceeds(left, bounds)) expect(left.every((each) => each.worth === 'named')).toBe(true);
        const last = going.at(-1);
        if (last !== undefined) expect(exceeds([...left, last], bounds)).toBe(true);
      }),
    );
  });
});

describe('a store that is full', { tags: ['regression'] }, () => {
  let directory: string;
  beforeEach(async () => {
    directory = await fs.mkdtemp(join(tmpdir(), 'sts-eviction-'));
  });
  afterEach(() => fs.rm(directory, { recursive: true, force: true }));

  const open = (options: Partial<FileStoreOptions> = {}) =>
    createFileStore(directory, { log: silent, maxEntries: 64, ...options });
  const pathOf = (stored: StoredPolicy) => join(directory, entryName(stored));
  const isKept = async (store: PolicyStore, stored: StoredPolicy) =>
    (await store.read(stored)).kind === 'stored';

  async function flood(store: PolicyStore, number: number, mode: 'enforce' | 'none'): Promise<void> {
    for (let n = 0; n < number; n++) await store.write(policyOf(`flood${n}.example`, mode));
    await store.close();
  }

  it('keeps an enforce policy that is older than any number of newer ones of mode none', async () => {
    const store = open();
    const used = policyOf('used.example', 'enforce', day);
    await store.write(used, now - day);
    await flood(store, 72, 'none');
    expect(await isKept(store, used)).toBe(true);
    expect((await fs.readdir(directory)).length).toBeLessThanOrEqual(64 + 8);
  });

  it('keeps what was used lately before what was only written lately', async () => {
    const store = open();
    const [used, missed] = [
      policyOf('used.example', 'enforce', 20 * day),
      policyOf('missed.example', 'enforce', day),
    ];
    await store.write(used, now - 20 * day);
    await store.write(missed, now - day);
    await store.noteUse(used);
    for (let n = 0; n < 70; n++) await store.write(policyOf(`other${n}.example`), now - (n % 2) * 2000);
    await store.close();
    expect(await isKept(store, used)).toBe(true);
    expect(await isKept(store, missed)).toBe(false);
  });

  it('never evicts the policy of a peer that a rule names', async () => {
    const namedPeers = () => (domain: string) =>
      domain === 'named.example' ? ('named' as const) : ('not' as const);
    const store = open({ namedPeers });
    const named = policyOf('named.example', 'enforce', 20 * day);
    await store.write(named, 0);
    await flood(store, 200, 'enforce');
    expect(await isKept(store, named)).toBe(true);
    expect((await fs.readdir(directory)).length).toBeLessThanOrEqual(64 + 8);
  });

  it('does not remove what was written anew while it was judged', async () => {
    const store = open({ maxEntries: 8 });
    const old = policyOf('old.example', 'none');
    await store.write(old, 1);
    const renewed = open({
      maxEntries: 8,
      namedPeers: () => {
        // Another process, in the middle of the sweep.
        void fs.utimes(pathOf(old), new Date(), new Date());
        return () => 'not';
      },
    });
    await flood(renewed, 8, 'enforce');
    expect(await isKept(store, old)).toBe(true);
  });

  it('notes a use at most once a day', async () => {
    const store = open();
    const stored = policyOf('a.example');
    const changed = async () => (await fs.stat(pathOf(stored))).mtimeMs;
    await store.write(stored, now - 23 * 3600_000);
    const first = await changed();
    await store.noteUse(stored);
    expect(await changed()).toBe(first);
    await fs.utimes(pathOf(stored), new Date(), new Date(now - 25 * 3600_000));
    await store.noteUse(stored);
    expect(await changed()).toBeGreaterThan(now - 60_000);
    await store.noteUse(policyOf('missing.example'));
    expect(await fs.readdir(directory)).toHaveLength(1);
  });
});

describe('mail that is held to a policy', () => {
  it('tells the store once a day that it is in use', async () => {
    const world = await World.create();
    const clock = new ManualClock();
    const notes: string[] = [];
    const usedAt: number[] = [];
    const store: PolicyStore = {
      ...createFileStore(await fs.mkdtemp(join(tmpdir(), 'sts-use-')), { log: silent }),
      all: async function* () {},
      read: () => Promise.resolve({ kind: 'none' }),
      write: (_stored, at = -1) => Promise.resolve(void usedAt.push(at)),
      noteUse: ({ domain }) => Promise.resolve(void notes.push(domain)),
    };
    try {
      await world.domain('a.example', { maxAge: 31_557_600 });
      const sender = world.sender({ clock, store });
      await sender.start();
      const roots = { extraRoots: world.roots.extraRoots };
      for (let hour = 0; hour < 72; hour++) {
        await sender.get('a.example', roots);
        clock.advance(3600);
      }
      // Under the roots of the rule, and under the default ones, where it may be kept as well.
      expect(notes).toHaveLength(3 * 2);
      clock.advance(48 * 3600);
      await sender.refreshDue();
      expect(usedAt.at(-1)).toBe(clock.wall() - 49 * 3600_000);
    } finally {
      await world.close();
    }
  });
});
