import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accepted,
  decodeRemembered,
  encodeRemembered,
  follow,
  type Found,
  type Recollection,
  type Remembered,
  type Standing,
} from '../../../src/settings/load/remembered';

const remembered = (
  domains: Record<string, Standing>,
  global: Remembered['global'] = 'written',
): Remembered => ({ global, domains: new Map(Object.entries(domains)), acceptedAt: 0 });

const known = (of: Remembered): Recollection => ({ kind: 'known', remembered: of });

const found = (
  domains: Record<string, 'written' | 'blank'> | 'unlisted',
  global: Found['global'] = 'written',
): Found => ({ global, domains: domains === 'unlisted' ? domains : new Map(Object.entries(domains)) });

function after(before: Recollection, now: Found) {
  const { recollection, removed } = follow(before, now);
  if (recollection.kind === 'unknown') return { kind: 'unknown' };
  const { global, domains } = recollection.remembered;
  return { global, domains: Object.fromEntries(domains), removed };
}

describe('files of managed domains', () => {
  type Row = [
    what: string,
    before: Record<string, Standing>,
    now: Record<string, 'written' | 'blank'> | 'unlisted',
    domains: Record<string, Standing>,
    removed: string[],
  ];
  it.each<Row>([
    ['the first', {}, { a: 'written' }, { a: 'written' }, []],
    ['one more', { a: 'written' }, { a: 'written', b: 'blank' }, { a: 'written', b: 'blank' }, []],
    ['one of two taken away', { a: 'written', b: 'written' }, { b: 'written' }, { b: 'written' }, ['a']],
    [
      'most of them taken away',
      { a: 'written', b: 'written', c: 'written' },
      { c: 'written' },
      { c: 'written' },
      ['a', 'b'],
    ],
    ['the last one gone', { a: 'written' }, {}, { a: 'lost' }, []],
    ['all of them gone', { a: 'written', b: 'blank' }, {}, { a: 'lost', b: 'lost' }, []],
    ['the last one renamed', { a: 'written' }, { b: 'written' }, { a: 'lost', b: 'written' }, []],
    [
      'all of them replaced by others',
      { a: 'written', b: 'written' },
      { c: 'written' },
      { a: 'lost', b: 'lost', c: 'written' },
      [],
    ],
    ['one lost, another comes', { a: 'lost' }, { b: 'written' }, { a: 'lost', b: 'written' }, []],
    [
      'one lost, others as they were',
      { a: 'lost', b: 'written' },
      { b: 'written' },
      { a: 'lost', b: 'written' },
      [],
    ],
    [
      'one lost, one of the others taken away',
      { a: 'lost', b: 'written', c: 'written' },
      { c: 'written' },
      { a: 'lost', c: 'written' },
      ['b'],
    ],
    ['one lost, the only other gone', { a: 'lost', b: 'written' }, {}, { a: 'lost', b: 'lost' }, []],
    ['one lost comes back', { a: 'lost' }, { a: 'written' }, { a: 'written' }, []],
    ['one lost comes back without a word', { a: 'lost' }, { a: 'blank' }, { a: 'lost' }, []],
    [
      'one of two emptied',
      { a: 'written', b: 'written' },
      { a: 'blank', b: 'written' },
      { a: 'lost', b: 'written' },
      [],
    ],
    ['one that was always empty', { a: 'blank' }, { a: 'blank' }, { a: 'blank' }, []],
    [
      'one taken away while the other is emptied',
      { a: 'written', b: 'written' },
      { b: 'blank' },
      { a: 'lost', b: 'lost' },
      [],
    ],
    [
      'a directory that cannot be listed',
      { a: 'written', b: 'lost' },
      'unlisted',
      { a: 'written', b: 'lost' },
      [],
    ],
  ])('%s', (_what, before, now, domains, removed) => {
    expect(after(known(remembered(before)), found(now))).toEqual({ global: 'written', domains, removed });
  });
});

describe('the global file', () => {
  it.each<[before: Remembered['global'], now: Found['global'], standing: Remembered['global']]>([
    ['absent', 'absent', 'absent'],
    ['absent', 'written', 'written'],
    ['absent', 'blank', 'blank'],
    ['written', 'absent', 'lost'],
    ['written', 'blank', 'lost'],
    ['blank', 'absent', 'absent'],
    ['lost', 'absent', 'lost'],
    ['lost', 'blank', 'lost'],
    ['lost', 'written', 'written'],
  ])('%s, then %s, is %s', (before, now, standing) => {
    expect(after(known(remembered({}, before)), found({}, now))).toMatchObject({ global: standing });
  });
});

describe('where it cannot be read what there was', () => {
  const unknown: Recollection = { kind: 'unknown', file: 'f', problem: 'p' };
  it.each<[what: string, now: Found]>([
    ['no global file', found({ a: 'written' }, 'absent')],
    ['an empty global file', found({ a: 'written' }, 'blank')],
    ['no domain file', found({})],
    ['nothing but an empty domain file', found({ a: 'blank' })],
    ['a directory that cannot be listed', found('unlisted')],
  ])('%s may mean that something vanished', (_what, now) => {
    expect(after(unknown, now)).toEqual({ kind: 'unknown' });
  });

  it('what is there is taken for what there was, where that can be', () => {
    expect(after(unknown, found({ a: 'written' }))).toMatchObject({ domains: { a: 'written' }, removed: [] });
  });
});

const standing = fc.constantFrom<Standing>('written', 'blank', 'lost');
const name = fc.constantFrom('a.example', 'b.example', 'c.example', 'd.example');
const presence = fc.constantFrom('written' as const, 'blank' as const);
const anyFound: fc.Arbitrary<Found> = fc.record({
  global: fc.constantFrom('written' as const, 'blank' as const, 'absent' as const),
  domains: fc.oneof(
    fc.constant('unlisted' as const),
    fc.array(fc.tuple(name, presence), { maxLength: 4 }).map((all) => new Map(all)),
  ),
});
const anyRemembered: fc.Arbitrary<Remembered> = fc.record({
  global: fc.oneof(standing, fc.constant('absent' as const)),
  domains: fc.array(fc.tuple(name, standing), { maxLength: 4 }).map((all) => new Map(all)),
  acceptedAt: fc.nat(),
});

describe('whatever happens to the files', () => {
  it('rules are given up only where a file was taken away beside one that stayed', () => {
    fc.assert(
      fc.property(anyRemembered, fc.array(anyFound, { maxLength: 6 }), (first, looks) => {
        let before = first;
        for (const look of looks) {
          const { recollection, removed } = follow(known(before), look);
          if (recollection.kind !== 'known') throw new Error('known before');
          const now = recollection.remembered;
          for (const [domain, was] of before.domains) {
            if (now.domains.has(domain)) {
              if (was === 'lost' && now.domains.get(domain) !== 'lost')
                expect(look.domains !== 'unlisted' && look.domains.get(domain)).toBe('written');
              continue;
            }
            expect(removed).toContain(domain);
            expect(was).not.toBe('lost');
            const stayed = [...before.domains].filter(
              ([one, of]) => of !== 'lost' && one !== domain && (now.domains.get(one) ?? 'lost') !== 'lost',
            );
            expect(stayed).not.toEqual([]);
          }
          if (before.global === 'written' || before.global === 'lost')
            expect(now.global).toBe(look.global === 'written' ? 'written' : 'lost');
          // Looking again changes nothing.
          expect(follow(known(now), look)).toEqual({ recollection, removed: [] });
          before = now;
        }
      }),
    );
  });

  it('what is accepted is not lost any more, and is newer than before', () => {
    fc.assert(
      fc.property(anyRemembered, anyFound, fc.nat(), (before, now, time) => {
        const next = accepted(now, known(before), time);
        expect(next.acceptedAt).toBeGreaterThan(before.acceptedAt);
        expect(next.global).not.toBe('lost');
        if (now.domains !== 'unlisted') {
          expect([...next.domains.values()]).not.toContain('lost');
          expect(follow(known(next), now).removed).toEqual([]);
        }
      }),
    );
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(anyRemembered, (one) => {
        expect(decodeRemembered(encodeRemembered(one))).toEqual(one);
      }),
    );
  });

  it('no text is thrown at', () => {
    const text = encodeRemembered(remembered({ 'a.example': 'written' }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.nat(text.length).map((end) => text.slice(0, end)),
        ),
        (one) => {
          const read = decodeRemembered(one);
          if (read !== undefined) expect(one.trim()).toBe(text.trim());
        },
      ),
    );
    for (const other of ['"lost2"', '1', 'null', '"absent"'])
      expect(
        decodeRemembered(text.replace('["a.example","written"]', `["a.example",${other}]`)),
      ).toBeUndefined();
    expect(decodeRemembered(text.replace('a.example', 'A.example'))).toBeUndefined();
    expect(decodeRemembered(text.replace('"format":1', '"format":2'))).toBe('newer');
    for (const format of ['0', '-1', '1.5', '"1"', 'null'])
      expect(decodeRemembered(text.replace('"format":1', `"format":${format}`))).toBeUndefined();
  });
});
