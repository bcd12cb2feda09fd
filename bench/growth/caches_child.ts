/** What cached answers and cached policies cost as there are more of them. */
import { AnswerCache, defaultCacheOptions } from '../../src/dns/cache';
import type { Answer, MxRecord } from '../../src/dns/types';
import { silent } from '../../src/log';
import { StsPolicies } from '../../src/mta_sts/policies';
import { createMemoryStore } from '../../src/mta_sts/store';
import { inChild } from '../child';
import { alternate, figure, heapUsed } from '../measure';
import type { Figure } from '../report';
import type { GrowthOrder } from './growth';

const sizes = [1_000, 100_000] as const;

inChild(async ({ effort }: GrowthOrder): Promise<Figure[]> => {
  const rounds = effort === 'quick' ? 3 : 9;
  const reads = effort === 'quick' ? 10_000 : 100_000;
  const figures: Figure[] = [];
  for (const what of [
    { name: 'DNS cache', fill: fillAnswers },
    { name: 'policy cache', fill: fillPolicies },
  ]) {
    const caches = [];
    for (const size of sizes) {
      const before = heapUsed();
      const cache = await what.fill(size);
      caches.push({ size, cache, octets: (heapUsed() - before) / size });
    }
    const subjects = Object.fromEntries(
      caches.map(({ size, cache }) => [String(size), () => timeReads(cache.read, size, reads)]),
    );
    await alternate(subjects, 1);
    const runs = await alternate(subjects, rounds);
    for (const { size, octets } of caches) {
      const label = `${what.name} of ${size.toLocaleString('en')}`;
      figures.push(figure(`${label}, a read`, 'ns', runs[String(size)] ?? []));
      figures.push(figure('  memory per entry', 'octets', [octets]));
    }
    for (const { cache } of caches) await cache.close();
  }
  return figures;
});

interface Cache {
  /** The entry with this number; resolves with whether it was there. */
  readonly read: (number: number) => Promise<boolean>;
  readonly close: () => Promise<void> | void;
}

async function timeReads(read: Cache['read'], size: number, reads: number): Promise<number> {
  let found = 0;
  const begun = performance.now();
  for (let n = 0; n < reads; n++) if (await read((n * 7919) % size)) found++;
  const elapsed = performance.now() - begun;
  if (found !== reads) throw new Error(`${found} of ${reads} entries were there`);
  return (elapsed / reads) * 1e6;
}

async function fillAnswers(size: number): Promise<Cache> {
  const options = { ...defaultCacheOptions, maxEntries: size, maxSize: size * 1000 };
  const cache = new AnswerCache<Answer<MxRecord>>(options, () => 300);
  const question = (number: number) => ({ name: `peer${number}.example`, type: 'MX' }) as const;
  const answer = ({ name }: { name: string }): Promise<Answer<MxRecord>> =>
    Promise.resolve({
      kind: 'records',
      secure: true,
      records: [{ preference: 10, exchange: `mx.${name}` }],
      canonicalName: name,
      ttl: 3600,
    });
  const missing = (): Answer<MxRecord> => ({ kind: 'failed', cause: 'cancelled', detail: '' });
  for (let number = 0; number < size; number++) {
    await cache.get(question(number), undefined, () => answer(question(number)), missing);
  }
  return {
    read: async (number) =>
      (await cache.get(question(number), undefined, () => Promise.resolve(missing()), missing)).kind ===
      'records',
    close: () => cache.clear(),
  };
}

async function fillPolicies(size: number): Promise<Cache> {
  const store = createMemoryStore(size);
  for (let number = 0; number < size; number++) {
    await store.write({
      domain: `peer${number}.example`,
      roots: 'default',
      id: '1',
      fetchedAt: Date.now(),
      policy: { mode: 'enforce', mx: [`mx.peer${number}.example`], maxAge: 604_800, extensions: [] },
    });
  }
  const txt: Answer<string> = {
    kind: 'records',
    secure: false,
    records: ['v=STSv1; id=1;'],
    canonicalName: '',
    ttl: 3600,
  };
  const denied: Answer<string> = {
    kind: 'denied',
    secure: false,
    denial: 'nodata',
    canonicalName: '',
    ttl: 60,
  };
  const policies = new StsPolicies({
    resolver: {
      txt: () => Promise.resolve(txt),
      a: () => Promise.resolve(denied),
      aaaa: () => Promise.resolve(denied),
      keptTxt: () => txt,
    },
    store,
    fetchOptions: { allowPrivate: false },
    log: silent,
    limits: { memoryEntries: size, memoryBytes: size * 3000 },
  });
  await policies.start();
  return {
    read: async (number) =>
      (await policies.get(`peer${number}.example`, { extraRoots: '' })).kind === 'policy',
    close: () => policies.close(),
  };
}
