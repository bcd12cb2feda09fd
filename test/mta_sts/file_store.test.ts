import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeEntry, encodeEntry, entryName } from '../../src/mta_sts/entry';
import { createFileStore, type FileStoreOptions } from '../../src/mta_sts/file_store';
import type { PolicyStore, StoredPolicy } from '../../src/mta_sts/store';

let parent: string;
let directory: string;
let log: string[];
beforeEach(async () => {
  parent = await fs.mkdtemp(join(tmpdir(), 'sts-store-'));
  directory = join(parent, 'policies');
  log = [];
});
afterEach(() => fs.rm(parent, { recursive: true, force: true }));

function open(options: Partial<FileStoreOptions> = {}): PolicyStore {
  const line = (text: string) => void log.push(text);
  return createFileStore(directory, {
    log: { debug: line, info: line, notice: line, warn: line, error: line },
    ...options,
  });
}

function policyOf(domain: string, more: Partial<StoredPolicy> = {}): StoredPolicy {
  const policy = {
    mode: 'enforce',
    mx: [`mx.${domain}`],
    maxAge: 86_400,
    extensions: [['note', 'Grüße']],
  } as const;
  return { domain, roots: 'default', id: 'id1', fetchedAt: Date.now(), policy, ...more };
}

/** What is read back, `undefined` where nothing is kept. */
async function readBack(store: PolicyStore, key: StoredPolicy): Promise<StoredPolicy | undefined> {
  const entry = await store.read(key);
  if (entry.kind === 'unreadable') throw new Error(entry.why);
  return entry.kind === 'stored' ? entry.stored : undefined;
}

async function contents(store: PolicyStore): Promise<StoredPolicy[]> {
  const found: StoredPolicy[] = [];
  for await (const stored of store.all()) found.push(stored);
  return found.sort((a, b) => a.domain.localeCompare(b.domain));
}

const mode = async (path: string) => (await fs.stat(path)).mode & 0o7777;
const pathOf = (stored: StoredPolicy) => join(directory, entryName(stored));

describe('the file store', () => {
  it('gives back what was written, also to another process', async () => {
    const stored = policyOf('a.example');
    await open().write(stored);
    expect(await readBack(open(), stored)).toEqual(stored);
    expect(await contents(open())).toEqual([stored]);
  });

  it('has nothing where nothing was written', async () => {
    expect(await readBack(open(), policyOf('a.example'))).toBeUndefined();
    expect(await contents(open())).toEqual([]);
  });

  it('replaces the policy under the same key only', async () => {
    const store = open();
    const [a, other] = [policyOf('a.example'), policyOf('a.example', { roots: 'f'.repeat(64) })];
    await store.write(a);
    await store.write(other);
    const newer = { ...a, id: 'id2' };
    await store.write(newer);
    expect(await readBack(store, a)).toEqual(newer);
    expect(await readBack(store, other)).toEqual(other);
  });

  it('keeps directory and files to itself, and leaves no temporary file', async () => {
    const stored = policyOf('a.example');
    await open().write(stored);
    expect(await mode(directory)).toBe(0o700);
    expect(await mode(pathOf(stored))).toBe(0o600);
    expect(await fs.readdir(directory)).toEqual([entryName(stored)]);
  });

  it('takes the permissions of others away, and says so', async () => {
    await fs.mkdir(directory);
    await fs.chmod(directory, 0o755);
    await open().write(policyOf('a.example'));
    expect(await mode(directory)).toBe(0o700);
    expect(log.join()).toContain('0700');
  });

  it('does not follow a link in place of its directory', async () => {
    const elsewhere = join(parent, 'elsewhere');
    await fs.mkdir(elsewhere, { mode: 0o700 });
    await fs.symlink(elsewhere, directory);
    const store = open();
    await expect(store.write(policyOf('a.example'))).rejects.toThrow(/not a directory/);
    await expect(readBack(store, policyOf('a.example'))).rejects.toThrow(/not a directory/);
    await expect(contents(store)).rejects.toThrow(/not a directory/);
    expect(await fs.readdir(elsewhere)).toEqual([]);
  });

  it('does not use a file in place of its directory', async () => {
    await fs.writeFile(directory, 'x');
    await expect(open().write(policyOf('a.example'))).rejects.toThrow(/not a directory/);
  });

  it('neither reads nor writes through a link in place of an entry', async () => {
    const [stored, outside] = [policyOf('a.example'), join(parent, 'outside')];
    await fs.mkdir(directory, { mode: 0o700 });
    await fs.writeFile(outside, encodeEntry(stored));
    await fs.symlink(outside, pathOf(stored));
    await expect(readBack(open(), stored)).rejects.toThrow(/ELOOP/);
    expect(await contents(open())).toEqual([]);
    await open().write({ ...stored, id: 'id2' });
    expect(await fs.readFile(outside, 'utf8')).toBe(encodeEntry(stored));
    expect(await readBack(open(), stored)).toMatchObject({ id: 'id2' });
  });

  it('does not wait for a pipe in place of an entry', async () => {
    const [good, bad] = [policyOf('a.example'), policyOf('b.example')];
    await open().write(good);
    execFileSync('mkfifo', [pathOf(bad)]);
    await expect(readBack(open(), bad)).rejects.toThrow(/not a plain file/);
    expect(await contents(open())).toEqual([good]);
  });

  const damages: [what: string, damage: (text: string) => string][] = [
    ['empty', () => ''],
    ['cut off', (text) => text.slice(0, -30)],
    ['not JSON', () => 'policy!'],
    ['JSON of another kind', () => '[1,2]'],
    ['null', () => 'null'],
    ['without its digest', (text) => text.replace(/"sha256":"[0-9a-f]+"/, '"sha256":""')],
    ['turned to mode none', (text) => text.replace('enforce', 'none')],
    ['given another id', (text) => text.replace('id1', 'id9')],
    ['given a time of another type', (text) => text.replace(/"fetchedAt":(\d+)/, '"fetchedAt":"$1"')],
    ['of a format that never was', (text) => text.replace('"format":1', '"format":0')],
    ['zeroes', (text) => '\0'.repeat(text.length)],
    ['the entry of another domain', () => encodeEntry(policyOf('evil.example'))],
    ['far too long', (text) => text.padEnd(300_000, ' ')],
  ];
  it.each(damages)('loses an entry that is %s, reports it, and nothing else', async (_what, damage) => {
    const [good, bad] = [policyOf('a.example'), policyOf('b.example')];
    await open().write(good);
    await fs.writeFile(pathOf(bad), damage(encodeEntry(bad)));
    expect(await contents(open())).toEqual([good]);
    expect(log.join()).toContain(entryName(bad));
    expect(await readBack(open(), good)).toEqual(good);
    await open().write(bad);
    expect(await contents(open())).toEqual([good, bad]);
  });

  it('survives writers in any number at once', async () => {
    const stores = [open(), open(), open()];
    const writes = Array.from({ length: 90 }, (_, n) =>
      stores[n % 3]!.write(policyOf(`d${n % 9}.example`, { id: `id${n}` })),
    );
    await Promise.all(writes);
    expect(await contents(open())).toHaveLength(9);
    expect(await fs.readdir(directory)).toHaveLength(9);
    expect(log).toEqual([]);
  });

  it('keeps its number within bounds, removing what was not written for longest', async () => {
    const store = open({ maxEntries: 20 });
    for (let n = 0; n < 60; n++) {
      const stored = policyOf(`d${n}.example`);
      await store.write(stored);
      await fs.utimes(pathOf(stored), n, n);
    }
    await store.close();
    expect((await fs.readdir(directory)).length).toBeLessThanOrEqual(28);
    expect(await readBack(store, policyOf('d59.example'))).toBeDefined();
    expect(await readBack(store, policyOf('d0.example'))).toBeUndefined();
    expect(await contents(store)).toHaveLength(20);
  });

  it('keeps its size within bounds', async () => {
    const store = open({ maxBytes: 20_000 });
    for (let n = 0; n < 40; n++) await store.write(policyOf(`d${n}.example`, { id: 'x'.repeat(2000) }));
    await contents(store);
    const sizes = await Promise.all(
      (await fs.readdir(directory)).map((name) => fs.stat(join(directory, name))),
    );
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(20_000);
    expect(sizes.length).toBeGreaterThan(5);
  });

  it('removes temporary files that a killed process left, not those of one at work, nor files of others', async () => {
    await fs.mkdir(directory, { mode: 0o700 });
    const left = `.1234.${'0'.repeat(16)}.tmp`;
    const fresh = `.1235.${'0'.repeat(16)}.tmp`;
    for (const name of [left, fresh, 'README']) await fs.writeFile(join(directory, name), 'x');
    for (const name of [left, 'README']) await fs.utimes(join(directory, name), 1, 1);
    await contents(open());
    expect((await fs.readdir(directory)).sort()).toEqual([fresh, 'README']);
  });

  it('keeps a policy that seems to have expired, because the clock may be wrong', async () => {
    const stored = policyOf('a.example', { fetchedAt: 0 });
    await open().write(stored);
    expect(await contents(open())).toEqual([stored]);
  });

  it('works again once its directory is there again', async () => {
    const store = open();
    await store.write(policyOf('a.example'));
    await fs.rm(directory, { recursive: true });
    expect(await readBack(store, policyOf('a.example'))).toBeUndefined();
    await store.write(policyOf('a.example'));
    expect(await readBack(store, policyOf('a.example'))).toBeDefined();
  });
});

describe('an entry', () => {
  it('reads back whole or is damaged, whatever byte is changed', () => {
    const stored = policyOf('a.example');
    const text = encodeEntry(stored);
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
        const decoded = decodeEntry(text.slice(0, at) + char + text.slice(at + 1), entryName(stored));
        if (decoded.kind === 'whole') expect(decoded.stored).toEqual(stored);
      }),
    );
  });
});

describe('a policy that a newer version of the suite wrote', () => {
  const stored = policyOf('a.example');
  const newer = encodeEntry(stored).replace('"format":1', '"format":2');

  it('is left as it is, and said to be so once', async () => {
    await open().write(policyOf('b.example'));
    await fs.writeFile(pathOf(stored), newer);
    const store = open();
    for (let time = 0; time < 2; time++)
      expect(await store.read(stored)).toMatchObject({
        kind: 'unreadable',
        why: expect.stringContaining('newer version') as string,
      });
    await store.write({ ...stored, id: 'id2' });
    expect(await fs.readFile(pathOf(stored), 'utf8')).toBe(newer);
    expect(log.filter((line) => line.includes('written by a newer version'))).toHaveLength(1);
  });

  it('is not removed where the directory is full', async () => {
    await open().write(policyOf('b.example'));
    await fs.writeFile(pathOf(stored), newer);
    await fs.utimes(pathOf(stored), new Date(0), new Date(0));
    await contents(open({ maxEntries: 1 }));
    expect(await fs.readFile(pathOf(stored), 'utf8')).toBe(newer);
  });
});
