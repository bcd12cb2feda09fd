import { afterEach, describe, expect, test } from 'vitest';
import { discoverDestination, type DestinationOptions } from '../../src/dns/destination';
import { createResolver, type Resolver } from '../../src/dns/resolver';
import type { Destination } from '../../src/dns/types';
import type { SecurityLevel } from '../../src/peers/rule';
import { LabResolver, type LabAnswer, type LabQuery, type LabRecord } from './lab_resolver';
import { nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

const mx = (exchange: string): LabRecord => ({ type: 'MX', data: { preference: 10, exchange } });
const tlsa: LabRecord = {
  type: 'TLSA',
  data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) },
};
const a: LabRecord = { type: 'A', data: '192.0.2.1' };
const aaaa: LabRecord = { type: 'AAAA', data: '2001:db8::1' };
const alias = { type: 'CNAME' as const, data: 'cloud.example' };

/** Two signed MX hosts with TLSA; `alias.example` has one whose secure alias leads into an insecure zone. */
const zone: Readonly<Record<string, LabAnswer>> = {
  'signed.example MX': { ad: true, answers: [mx('mx1.signed.example'), mx('mx2.signed.example')] },
  '_mta-sts.signed.example TXT': { ad: true, answers: [{ type: 'TXT', data: 'v=STSv1; id=1;' }] },
  ...Object.fromEntries(
    ['mx1.signed.example', 'mx2.signed.example'].flatMap((host): [string, LabAnswer][] => [
      [`${host} A`, { ad: true, answers: [a] }],
      [`${host} AAAA`, { ad: true, answers: [aaaa] }],
      [`_25._tcp.${host} TLSA`, { ad: true, answers: [tlsa] }],
    ]),
  ),
  'alias.example MX': { ad: true, answers: [mx('mx.alias.example')] },
  'mx.alias.example A': { answers: [alias, { ...a, name: 'cloud.example' }] },
  'mx.alias.example AAAA': { answers: [alias], soa: 60 },
  'mx.alias.example CNAME': { ad: true, answers: [alias] },
  '_25._tcp.mx.alias.example TLSA': { ad: true, answers: [tlsa] },
  'expanded.example MX': { ad: true, answers: [mx('mx.expanded.example')] },
  'mx.expanded.example A': { ad: true, answers: [alias, { ...a, name: 'cloud.example' }] },
  'mx.expanded.example AAAA': { ad: true, answers: [alias], soa: 60 },
  '_25._tcp.mx.expanded.example TLSA': { ad: true, answers: [tlsa] },
};

const daneLevels: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane', 'auto'];
const stsLevels: readonly SecurityLevel[] = ['mta_sts', 'auto'];

/** What a decision at `level` asks DNS before it connects. */
async function decide(resolver: Resolver, level: SecurityLevel, domain: string): Promise<Destination> {
  const options: DestinationOptions = { dane: daneLevels.includes(level), insecureMx: 'dane' };
  const [destination] = await Promise.all([
    discoverDestination(resolver, domain, options),
    stsLevels.includes(level) ? resolver.txt(`_mta-sts.${domain}`) : undefined,
  ]);
  return destination;
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});

/**
 * A lab that answers in waves: it holds every answer back until all questions that are in the air have arrived, so that
 * the number of waves is the number of sequential round trips.
 */
async function wavesOf(): Promise<{ lab: LabResolver; resolver: Resolver; waves: () => number }> {
  let waves = 0;
  const held: (() => void)[] = [];
  const release = (): void => {
    if (held.length === 0 || held.length < resolver.status().cache.inFlight) return;
    waves++;
    for (const answer of held.splice(0)) answer();
  };
  const otherwise = ({ name, type }: LabQuery) =>
    new Promise<LabAnswer>((resolve) => {
      held.push(() => resolve(zone[`${name} ${type}`] ?? { ad: true, soa: 60 }));
      setImmediate(release);
    });
  const lab = await LabResolver.start({}, { otherwise });
  const resolver = createResolver({ servers: [lab.server], timeoutMs: 5_000, deadlineMs: 10_000 });
  cleanups.push(
    () => lab.close(),
    () => resolver.close(),
  );
  return { lab, resolver, waves: () => waves };
}

interface Cost {
  questions: number;
  roundTrips: number;
}

async function costs(level: SecurityLevel, domain: string): Promise<{ cold: Cost; warm: Cost }> {
  const { lab, resolver, waves } = await wavesOf();
  await decide(resolver, level, domain);
  const cold = { questions: lab.queries.length, roundTrips: waves() };
  await decide(resolver, level, domain);
  return {
    cold,
    warm: { questions: lab.queries.length - cold.questions, roundTrips: waves() - cold.roundTrips },
  };
}

describe('what a decision costs in DNS questions and sequential round trips', () => {
  const table: [SecurityLevel, string, Cost][] = [
    ['none', 'signed.example', { questions: 5, roundTrips: 2 }],
    ['opportunistic', 'signed.example', { questions: 5, roundTrips: 2 }],
    ['mandatory', 'signed.example', { questions: 5, roundTrips: 2 }],
    ['verify', 'signed.example', { questions: 5, roundTrips: 2 }],
    ['mta_sts', 'signed.example', { questions: 6, roundTrips: 2 }],
    ['opportunistic_dane', 'signed.example', { questions: 7, roundTrips: 3 }],
    ['mandatory_dane', 'signed.example', { questions: 7, roundTrips: 3 }],
    ['auto', 'signed.example', { questions: 8, roundTrips: 3 }],
    ['opportunistic_dane', 'expanded.example', { questions: 5, roundTrips: 3 }],
    ['opportunistic_dane', 'alias.example', { questions: 5, roundTrips: 4 }],
  ];
  const printed: Record<string, string | number>[] = [];

  test.each(table)('%s to %s', async (level, domain, expected) => {
    const { cold, warm } = await costs(level, domain);
    printed.push({
      level,
      domain,
      'cold questions': cold.questions,
      'cold round trips': cold.roundTrips,
      'warm questions': warm.questions,
      'warm round trips': warm.roundTrips,
    });
    expect(cold).toEqual(expected);
    expect(warm).toEqual({ questions: 0, roundTrips: 0 });
    if (printed.length === table.length) console.table(printed);
  });

  test('1,000 simultaneous decisions for one domain ask what one asks', async () => {
    const { lab, resolver, waves } = await wavesOf();
    const destinations = await Promise.all(
      Array.from({ length: 1000 }, () => decide(resolver, 'auto', 'signed.example')),
    );
    expect(new Set(destinations.map((destination) => destination.kind))).toEqual(new Set(['mx']));
    expect({ questions: lab.queries.length, roundTrips: waves() }).toEqual({ questions: 8, roundTrips: 3 });
    expect(new Set(lab.asked).size).toBe(8);
    console.log(
      `1,000 simultaneous decisions (auto): ${lab.queries.length} questions, ${waves()} round trips`,
    );
  });
});
