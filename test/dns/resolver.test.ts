import { afterEach, describe, expect, test } from 'vitest';
import { createResolver, type Resolver, type ResolverOptions } from '../../src/dns/resolver';
import { LabResolver, type Zone } from './lab_resolver';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function world(
  zone: Zone,
  options: Partial<ResolverOptions> = {},
): Promise<{ lab: LabResolver; resolver: Resolver }> {
  const lab = await LabResolver.start(zone);
  const resolver = createResolver({ servers: [lab.server], timeoutMs: 500, deadlineMs: 2_000, ...options });
  cleanups.push(
    () => lab.close(),
    () => resolver.close(),
  );
  return { lab, resolver };
}

describe('an answer', () => {
  test('holds the records that the resolver gave', async () => {
    const { resolver } = await world({
      'example.com MX': {
        ad: true,
        answers: [{ type: 'MX', ttl: 77, data: { preference: 10, exchange: 'MX1.Example.com' } }],
      },
    });
    expect(await resolver.mx('example.com')).toEqual({
      kind: 'records',
      secure: true,
      records: [{ preference: 10, exchange: 'mx1.example.com' }],
      canonicalName: 'example.com',
      ttl: 77,
    });
  });
});
