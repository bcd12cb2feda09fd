/** Resolvers that ever spoke EDNS, and what is remembered of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EdnsMemory, type EdnsConclusion } from '../../src/dns/edns';
import {
  asked,
  bare,
  cleanUpAfterEach,
  gist,
  ignorance,
  lab,
  modern,
  old,
  refusal,
  resolverFor,
  silence,
  withoutEdns,
} from './edns_lab';
import { LabResolver, type Behaviour, type LabQuery } from './lab_resolver';

cleanUpAfterEach();

describe('a resolver that ever answered with OPT is never asked without', { tags: ['regression'] }, () => {
  /** Any answer with OPT will do. */
  const signs: readonly (readonly [string, Behaviour])[] = [
    ['data', () => modern],
    ['a denial', () => ({ rcode: 3, soa: 60 })],
    ['SERVFAIL', () => ({ rcode: 2 })],
    ['REFUSED', () => ({ rcode: 5 })],
    ['BADVERS', () => ({ rcode: 16 })],
    ['FORMERR', () => ({ rcode: 1 })],
    ['FORMERR without a question', bare(1, 1)],
    [
      'a truncated answer, and TCP is closed',
      (query) => (query.over === 'udp' ? { tc: true } : closed(query)),
    ],
  ];
  const closed = (query: LabQuery): 'silence' => {
    query.socket?.destroy();
    return 'silence';
  };

  const afterThat = async (sign: Behaviour, refuse: Behaviour): Promise<void> => {
    let behaviour = sign;
    const started = await lab((query) => behaviour(query));
    const { resolver } = resolverFor([started], { timeoutMs: 200 });
    await resolver.a('a.example');
    behaviour = withoutEdns(refuse);
    const { findings } = await resolver.probe();
    expect(['edns_lost', 'no_answer']).toContain(findings[0]?.kind);
    expect(['refused', 'servfail', 'timeout']).toContain(await gist(resolver.a('b.example')));
    expect(asked(started, 'without_opt')).toEqual([]);
  };

  test.each(signs)('where that was %s', async (_what, sign) => {
    await Promise.all(ignorance.map(([, refuse]) => afterThat(sign, refuse)));
  });

  test.each(signs.filter(([what]) => what.startsWith('FORMERR')))(
    'where %s with OPT is all that the probe ever gets',
    async (_what, sign) => {
      const started = await lab(withoutEdns(sign));
      const { resolver } = resolverFor([started]);
      expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'no_answer' }] });
      expect(asked(started, 'without_opt')).toEqual([]);
    },
  );

  test('and the log says why mail waits', async () => {
    let behaviour: Behaviour = () => modern;
    const started = await lab((query) => behaviour(query));
    const { resolver, said } = resolverFor([started]);
    await resolver.probe();
    behaviour = withoutEdns(refusal(4));
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'edns_lost' }] });
    expect(said.at(-1)).toMatch(
      /^warn .*NOTIMP.*answered with OPT before, and so is never asked without.*restart/,
    );
  });

  test('also by a resolver that new settings made in the same process', async () => {
    const edns = new EdnsMemory();
    let behaviour: Behaviour = () => modern;
    const started = await lab((query) => behaviour(query));
    const before = resolverFor([started], { edns });
    await before.resolver.a('a.example');
    behaviour = withoutEdns(refusal(1));
    const after = resolverFor([started], { edns, trustAd: true });
    expect(await after.resolver.probe()).toMatchObject({ findings: [{ kind: 'edns_lost' }] });
    before.resolver.close();
    expect(await gist(after.resolver.a('b.example'))).toBe('refused');
    expect(asked(started, 'without_opt')).toEqual([]);
  });

  test('what one resolver of a process learns, the other heeds at once', async () => {
    const edns = new EdnsMemory();
    let behaviour = withoutEdns(refusal(1));
    const started = await lab((query) => behaviour(query));
    const [first, second] = [resolverFor([started], { edns }), resolverFor([started], { edns })];
    await first.resolver.probe();
    expect(await gist(second.resolver.a('a.example'))).toBe('insecure records');
    behaviour = () => modern;
    await first.resolver.probe();
    expect(await gist(second.resolver.a('a.example'))).toBe('secure records');
  });

  test('where it speaks while it is taken for one without', async () => {
    let behaviour = withoutEdns(refusal(1));
    const started = await lab((query) => behaviour(query));
    const { resolver } = resolverFor([started]);
    await resolver.probe();
    // Nobody asked with OPT, and there it is.
    behaviour = (query) => (query.opt === 'with_opt' ? { rcode: 1, opt: 'left_out' } : modern);
    await resolver.a('a.example');
    const before = asked(started, 'without_opt').length;
    expect(await gist(resolver.a('a.example'))).toBe('refused');
    expect(asked(started, 'without_opt')).toHaveLength(before);
  });

  test.each(['NOTIMP', 'FORMERR', 'silence'])(
    'and %s about one name remains a failed look-up of that name',
    async (how) => {
      const refuse = new Map(ignorance).get(how) ?? silence;
      const started = await lab((query) =>
        query.name === 'victim.example' ? withoutEdns(refuse)(query) : modern,
      );
      const { resolver } = resolverFor([started]);
      await resolver.probe();
      expect(await gist(resolver.tlsa('victim.example') as never)).toBe(
        how === 'silence' ? 'timeout' : 'refused',
      );
      await resolver.probe();
      expect(await gist(resolver.a('other.example'))).toBe('secure records');
      expect(asked(started, 'without_opt')).toEqual([]);
    },
  );
});

test('the probe that is broken off concludes nothing', async () => {
  const edns = new EdnsMemory();
  let arrived = (): void => undefined;
  const second = new Promise<void>((resolve) => (arrived = resolve));
  const started = await lab((query) => {
    if (query.opt === 'without_opt') arrived();
    return withoutEdns(silence)(query);
  });
  const { resolver, said } = resolverFor([started], { edns });
  const probing = resolver.probe();
  await second;
  resolver.close();
  await probing;
  expect(edns.supportOf(started.server)).toBe('not_known');
  expect(said).toEqual([]);
});

describe('the memory', () => {
  const server = { transport: 'udp', address: '192.0.2.53', port: 53 } as const;
  const conclusions: readonly EdnsConclusion[] = [
    'with_opt',
    'over_tcp_only',
    'without_opt_only',
    'no_longer',
    'none',
  ];

  test('never lets OPT be left out once it was heard, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('heard', ...conclusions), { maxLength: 20 }), (events) => {
        const memory = new EdnsMemory();
        let heard = false;
        let mode = memory.modeOf(server);
        memory.onChange((before, after) => {
          expect(before).toBe(mode);
          expect(after).not.toBe(before);
          mode = after;
        });
        for (const event of events) {
          if (event === 'heard') memory.heard(server);
          else memory.concluded(server, event);
          heard ||= event === 'heard' || event === 'over_tcp_only';
          expect(memory.modeOf(server)).toBe(mode);
          if (heard) expect(mode).not.toBe('without_opt');
        }
      }),
    );
  });

  test('knows resolvers apart by address, port, transport and name', () => {
    const memory = new EdnsMemory();
    memory.heard(server);
    const others = [
      { ...server, port: 54 },
      { ...server, address: '192.0.2.54' },
      { ...server, transport: 'tls', name: 'dns.example' } as const,
    ];
    expect(others.map((other) => memory.supportOf(other))).toEqual(Array(3).fill('not_known'));
  });
});

test('whatever a resolver does: once it spoke EDNS it is not asked without OPT, and nothing without OPT is secure', async () => {
  const answers: readonly Behaviour[] = [...ignorance.map(([, refuse]) => refuse), () => modern, () => old];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(answers.length - 1), { minLength: 1, maxLength: 30 }),
      async (script) => {
        let at = 0;
        const edns = new EdnsMemory();
        // What was sent before it spoke is not called back, so it counts from the end of each step.
        let spokenBefore = false;
        const tooLate: string[] = [];
        const started = await LabResolver.start(
          {},
          {
            otherwise: (query) => {
              if (spokenBefore && query.opt === 'without_opt') tooLate.push(query.name);
              return (answers[script[at++ % script.length] ?? 0] ?? silence)(query);
            },
          },
        );
        const { resolver } = resolverFor([started], { timeoutMs: 30, edns });
        try {
          for (let round = 0; round < 3; round++) {
            await resolver.probe();
            spokenBefore = edns.everHeard(started.server);
            const before = asked(started, 'with_opt').length;
            const answer = await resolver.a(`${round}.example`);
            const onlyWithout = asked(started, 'with_opt').length === before;
            expect(answer).not.toMatchObject(onlyWithout ? { secure: true } : { secure: 'never' });
            spokenBefore = edns.everHeard(started.server);
          }
        } finally {
          resolver.close();
          await started.close();
        }
        expect(tooLate).toEqual([]);
      },
    ),
    { numRuns: 12 },
  );
});
