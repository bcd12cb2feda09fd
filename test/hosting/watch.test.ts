/** When the hosted policies are checked. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Resolver } from '../../src/dns/resolver';
import { hostedFiles, type Catalogue } from '../../src/hosting/catalogue';
import type { Finding } from '../../src/hosting/rollout';
import { RolloutWatch } from '../../src/hosting/watch';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

const second = 1_000;
const hour = 3_600 * second;

const catalogueOf = (section: string): Catalogue =>
  hostedFiles(loadSettings(memorySource({ 'tls-peers/one.example.ini': `[mta_sts]\n${section}` })).settings);

const denied = (name: string) =>
  Promise.resolve({ kind: 'denied', secure: false, denial: 'nodata', canonicalName: name, ttl: 1 } as const);
const resolver: Pick<Resolver, 'a' | 'aaaa' | 'mx' | 'txt'> = {
  a: denied,
  aaaa: denied,
  mx: denied,
  txt: denied,
};

let catalogue: Catalogue;
let checks: number;
let watch: RolloutWatch;

beforeEach(() => {
  vi.useFakeTimers();
  catalogue = catalogueOf('mode = none\n');
  checks = 0;
  const count = (line: string) => {
    if (line.startsWith('checked ')) checks++;
  };
  watch = new RolloutWatch({
    catalogue: () => catalogue,
    dependencies: () => ({ resolver, ehloName: 'us.example' }),
    log: {
      debug: () => undefined,
      info: () => undefined,
      notice: count,
      warn: () => undefined,
      error: () => undefined,
    },
  });
  watch.start();
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

it('once at the start, and then daily', async () => {
  await pass(4 * second);
  expect(checks).toBe(0);
  await pass(6 * second);
  expect(checks).toBe(1);
  await pass(23 * hour);
  expect(checks).toBe(1);
  await pass(hour + 60 * second);
  expect(checks).toBe(2);
  await pass(23 * hour);
  expect(checks).toBe(2);
});

it('within a minute after a policy was changed', async () => {
  await pass(hour);
  catalogue = catalogueOf('mode = none\nmax_age = 86400\n');
  await pass(60 * second);
  expect(checks).toBe(2);
  await pass(hour);
  expect(checks).toBe(2);
});

it('as soon as there is a policy', async () => {
  catalogue = new Map();
  await pass(hour);
  expect(checks).toBe(0);
  catalogue = catalogueOf('mode = none\n');
  await pass(60 * second);
  expect(checks).toBe(1);
});

it('never again once it is closed', async () => {
  await pass(hour);
  watch.close();
  await pass(48 * hour);
  expect(checks).toBe(1);
});

describe('a finding', () => {
  const text = 'mx.one.example (192.0.2.1): the certificate expired';
  let found: Finding[];
  let served: string;
  let said: string[];

  beforeEach(() => {
    watch.close();
    found = [{ severity: 'error', domain: 'one.example', text }];
    served = 'a certificate';
    said = [];
    const note = (line: string) => void said.push(line);
    watch = new RolloutWatch({
      catalogue: () => catalogue,
      certificates: () => served,
      dependencies: () => ({ resolver, ehloName: 'us.example' }),
      check: () => {
        checks++;
        return Promise.resolve(found);
      },
      log: { debug: note, info: note, notice: note, warn: note, error: note },
    });
    watch.start();
  });

  it('is looked at again more and more seldom, and is not said again before the next day', async () => {
    await pass(10 * second);
    const first = [
      `MTA-STS policy of one.example: ${text}`,
      'checked 1 MTA-STS policy: 1 finding, see above',
    ];
    expect(said).toEqual(first);
    await pass(hour);
    expect(checks).toBe(6);
    await pass(22 * hour);
    expect(said).toEqual(first);
    expect(checks).toBeLessThan(30);
    await pass(3 * hour);
    expect(said).toEqual([...first, ...first]);
  });

  it('that is mended ends within minutes, and that is said once', async () => {
    await pass(10 * second);
    found = [];
    said = [];
    await pass(2 * 60 * second);
    expect(said).toEqual(['MTA-STS policy of one.example: nothing stands in the way of mail any more']);
    await pass(22 * hour);
    expect(said).toHaveLength(1);
  });

  it('ends within a minute where another certificate is served', async () => {
    await pass(12 * hour);
    found = [];
    said = [];
    served = 'another certificate';
    await pass(60 * second);
    expect(said[0]).toBe('MTA-STS policy of one.example: nothing stands in the way of mail any more');
  });

  it('about a policy that is not hosted any more ends without a word', async () => {
    await pass(10 * second);
    catalogue = new Map();
    said = [];
    await pass(2 * hour);
    expect(said).toEqual([]);
  });
});
