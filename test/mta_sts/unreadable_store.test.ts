/** A store that cannot be read is not an empty store: while a policy may be in force, mail waits. */
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entryName } from '../../src/mta_sts/entry';
import { createFileStore } from '../../src/mta_sts/file_store';
import { rootsDigest } from '../../src/tls/roots';
import type { PolicyStore, StoredEntry } from '../../src/mta_sts/store';
import type { StsFacts } from '../../src/mta_sts/types';
import { ManualClock, World, type Domain } from './support/sender';

let world: World;
let clock: ManualClock;
let parent: string;
beforeEach(async () => {
  world = await World.create();
  clock = new ManualClock();
  parent = await fs.mkdtemp(join(tmpdir(), 'sts-unreadable-'));
});
afterEach(async () => {
  await world.close();
  await fs.rm(parent, { recursive: true, force: true });
});

function storeThat(read: () => Promise<StoredEntry>): PolicyStore {
  const nothing = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
  };
  return {
    all: () => nothing as ReturnType<PolicyStore['all']>,
    read,
    write: () => Promise.resolve(),
    noteUse: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

const stores = {
  empty: () => Promise.resolve<StoredEntry>({ kind: 'none' }),
  unreadable: () => Promise.resolve<StoredEntry>({ kind: 'unreadable', why: 'EACCES' }),
  rejecting: () => Promise.reject<StoredEntry>(new Error('EIO')),
};

const published: Record<string, (domain: Domain) => void> = {
  'is published': () => undefined,
  'is not published': (domain) => domain.publish('nothing'),
  'cannot be looked up': (domain) => domain.publish('servfail'),
  'is published twice': ({ name }) => {
    world.hosts.dns.zones.txt.set(`_mta-sts.${name}`, ['v=STSv1; id=1', 'v=STSv1; id=2']);
  },
};

const hosts: Record<string, (domain: Domain) => void> = {
  answers: () => undefined,
  'cannot be reached': (domain) => domain.fail(),
};

type Row = [store: keyof typeof stores, record: string, host: string, kind: StsFacts['kind']];

describe('what is stored of a domain, its record, and its policy host', { tags: ['regression'] }, () => {
  const rows: Row[] = [
    ['empty', 'is published', 'answers', 'policy'],
    ['empty', 'is published', 'cannot be reached', 'no_policy'],
    ['empty', 'is not published', 'answers', 'no_policy'],
    ['empty', 'cannot be looked up', 'answers', 'no_policy'],
    ['empty', 'is published twice', 'answers', 'no_policy'],
    ['unreadable', 'is published', 'answers', 'policy'],
    ['unreadable', 'is published', 'cannot be reached', 'unknown'],
    ['unreadable', 'is not published', 'cannot be reached', 'no_policy'],
    ['unreadable', 'cannot be looked up', 'cannot be reached', 'unknown'],
    ['unreadable', 'is published twice', 'answers', 'unknown'],
    ['rejecting', 'is published', 'answers', 'policy'],
    ['rejecting', 'is published', 'cannot be reached', 'unknown'],
    ['rejecting', 'is not published', 'cannot be reached', 'no_policy'],
    ['rejecting', 'cannot be looked up', 'cannot be reached', 'unknown'],
  ];
  it.each(rows)('store %s, record %s, host %s: %s', async (store, record, host, kind) => {
    const domain = await world.domain('a.example');
    published[record]?.(domain);
    hosts[host]?.(domain);
    const sender = world.sender({ clock, store: storeThat(stores[store]) });
    for (const ask of ['get', 'get', 'refresh'] as const) {
      const facts = await sender[ask]('a.example', world.roots);
      expect(facts.kind).toBe(kind);
      if (facts.kind === 'unknown') expect(facts.failure.reason).toBe('sts-policy-fetch-error');
    }
  });

  it('also for the message that cannot wait for the rest', async () => {
    const domain = await world.domain('a.example');
    domain.answer = () => undefined;
    const sender = world.sender({ clock, store: storeThat(stores.unreadable) });
    const facts = await sender.get('a.example', { ...world.roots, signal: AbortSignal.timeout(50) });
    expect(facts.kind).toBe('unknown');
  });

  it('a policy in memory governs, whatever became of the store', async () => {
    const domain = await world.domain('a.example', { maxAge: 86_400 });
    const sender = world.sender({ clock, store: storeThat(stores.unreadable) });
    expect((await sender.get('a.example', world.roots)).kind).toBe('policy');
    domain.fail();
    domain.publish('id2');
    clock.advance(3600);
    expect((await sender.get('a.example', world.roots)).kind).toBe('policy');
  });

  it('the mail goes as soon as the store can be read, or the policy host answers', async () => {
    const domain = await world.domain('a.example');
    domain.fail();
    let entry: StoredEntry = { kind: 'unreadable', why: 'EACCES' };
    const sender = world.sender({ clock, store: storeThat(() => Promise.resolve(entry)) });
    expect((await sender.get('a.example', world.roots)).kind).toBe('unknown');
    entry = { kind: 'none' };
    clock.advance(2);
    expect((await sender.get('a.example', world.roots)).kind).toBe('no_policy');

    entry = { kind: 'unreadable', why: 'EACCES' };
    clock.advance(3600);
    expect((await sender.get('a.example', world.roots)).kind).toBe('unknown');
    domain.serve({});
    clock.advance(3600);
    expect((await sender.get('a.example', world.roots)).kind).toBe('policy');
  });
});

describe('one entry that cannot be read', { tags: ['regression'] }, () => {
  const key = { domain: 'a.example', roots: '' };
  const entry = () => join(parent, 'mta-sts', entryName(key));

  const broken: [what: string, breakIt: () => Promise<void>][] = [
    ['is damaged', () => fs.writeFile(entry(), 'x')],
    ['is empty', () => fs.truncate(entry())],
    ['is a link', () => fs.rename(entry(), `${entry()}.old`).then(() => fs.symlink('/etc/passwd', entry()))],
    ['is a directory', () => fs.rm(entry()).then(() => fs.mkdir(entry()))],
    ...(process.getuid?.() === 0
      ? ([['is another user’s', () => fs.chown(entry(), 54_321, 54_321)]] as [string, () => Promise<void>][])
      : []),
  ];
  it.each(broken)(
    'holds up its own domain alone where it %s, and is healed by the next fetch',
    async (_what, breakIt) => {
      key.roots = rootsDigest(world.roots.extraRoots);
      const lines: string[] = [];
      const line = (text: string) => void lines.push(text);
      const log = { debug: line, info: line, notice: line, warn: line, error: line };
      const open = () => createFileStore(join(parent, 'mta-sts'), { log });
      const [a, b] = [await world.domain('a.example'), await world.domain('b.example')];
      const before = world.sender({ clock, store: open() });
      expect((await before.get('a.example', world.roots)).kind).toBe('policy');

      await breakIt();
      a.fail();
      b.fail();
      const sender = world.sender({ clock, store: open() });
      await sender.start();
      for (let message = 0; message < 3; message++) {
        clock.advance(61);
        expect((await sender.get('a.example', world.roots)).kind).toBe('unknown');
        expect((await sender.get('b.example', world.roots)).kind).toBe('no_policy');
      }
      expect(lines.filter((text) => text.includes('a.example cannot be read'))).toHaveLength(1);
      expect(lines.join('\n')).toContain(`rm ${entry()}`);

      if (_what === 'is a directory') return;
      a.serve({});
      clock.advance(3600);
      expect((await sender.get('a.example', world.roots)).kind).toBe('policy');
      a.fail();
      expect((await world.sender({ clock, store: open() }).get('a.example', world.roots)).kind).toBe(
        'policy',
      );
    },
  );
});

describe('a directory that cannot be used', { tags: ['regression'] }, () => {
  it('is reported once, with the command that mends it, whatever the number of domains; and so is its recovery', async () => {
    const lines: string[] = [];
    const line = (text: string) => void lines.push(text);
    const log = { debug: line, info: line, notice: line, warn: line, error: line };
    const directory = join(parent, 'mta-sts');
    await fs.writeFile(directory, '');
    const store = createFileStore(directory, { log });
    for (let n = 0; n < 5; n++) {
      expect(await store.read({ domain: `d${n}.example`, roots: 'default' })).toMatchObject({
        kind: 'unreadable',
      });
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /not a directory.*cannot be read.*waits.*as root: mv .* && install -d -o \S+ -m 700/,
    );
    await fs.rm(directory);
    expect(await store.read({ domain: 'a.example', roots: 'default' })).toEqual({ kind: 'none' });
    expect(lines.at(-1)).toContain('can be used again');
  });
});
