/** Resolvers without EDNS, and those that only look like it for a while. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { EdnsMemory, type EdnsConclusion } from '../../src/dns/edns';
import { createResolver, type Resolver, type ResolverOptions } from '../../src/dns/resolver';
import { silent, type Log } from '../../src/log';
import { LabResolver, trusting, type Behaviour, type LabAnswer, type LabQuery } from './lab_resolver';
import { nothingLeft } from './leftovers';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await nothingLeft();
});

async function lab(
  answer: Behaviour,
  options: Omit<NonNullable<Parameters<typeof LabResolver.start>[1]>, 'otherwise'> = {},
): Promise<LabResolver> {
  const started = await LabResolver.start({}, { ...options, otherwise: answer });
  cleanups.push(() => started.close());
  return started;
}

function resolverFor(labs: readonly LabResolver[], options: Partial<ResolverOptions> = {}) {
  const said: string[] = [];
  const log: Log = {
    ...silent,
    notice: (line) => said.push(`notice ${line}`),
    warn: (line) => said.push(`warn ${line}`),
  };
  const servers = labs.map(({ server }) => server);
  const resolver = createResolver({ servers, log, timeoutMs: 600, ...options });
  cleanups.push(() => resolver.close());
  return { resolver, said };
}

/** Claims to have validated, which without OPT counts for nothing. */
const old: LabAnswer = { ad: true, opt: 'left_out', answers: [{ type: 'A', data: '192.0.2.1' }] };
const modern: LabAnswer = { ad: true, answers: [{ type: 'A', data: '192.0.2.1' }] };

/** Nothing but a header, as servers send it that do not go on reading. */
function bare(rcode: number, additionals = 0): Behaviour {
  return ({ id }) => {
    const header = Buffer.alloc(12 + 11 * additionals);
    header.writeUInt16BE(id, 0);
    header.writeUInt16BE(0x8000 | rcode, 2);
    header.writeUInt16BE(additionals, 10);
    if (additionals > 0) header.writeUInt16BE(41, 13);
    return header;
  };
}

const refusal =
  (rcode: number): Behaviour =>
  () => ({ rcode, opt: 'left_out' });
const silence: Behaviour = () => 'silence';

/** What resolvers that know no EDNS make of OPT (RFC 6891 section 7, RFC 2671 section 5.3). */
const ignorance: readonly (readonly [string, Behaviour])[] = [
  ['FORMERR', refusal(1)],
  ['FORMERR and nothing else', bare(1)],
  ['NOTIMP', refusal(4)],
  ['NOTIMP and nothing else', bare(4)],
  ['SERVFAIL', refusal(2)],
  ['silence', silence],
];

const withoutEdns =
  (refuse: Behaviour, answer: LabAnswer = old): Behaviour =>
  (query) =>
    query.opt === 'with_opt' ? refuse(query) : answer;

const gist = async (answer: ReturnType<Resolver['a']>): Promise<string> => {
  const got = await answer;
  if (got.kind === 'failed') return got.cause;
  return `${got.secure ? 'secure' : 'insecure'} ${got.kind}`;
};

const asked = (started: LabResolver, opt: LabQuery['opt']) =>
  started.queries.filter((query) => query.opt === opt);

describe('a resolver without EDNS', { tags: ['regression'] }, () => {
  test.each(ignorance)(
    'that meets OPT with %s is asked without, and nothing of it is secure',
    async (_how, refuse) => {
      const started = await lab(withoutEdns(refuse));
      const { resolver, said } = resolverFor([started]);
      expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'without_edns' }] });
      expect(await gist(resolver.a('a.example'))).toBe('insecure records');
      expect(await gist(resolver.a('b.example', { dane: true }))).toBe('insecure records');
      const [first, second] = started.queries.slice(-2);
      expect([first?.opt, second?.opt]).toEqual(['without_opt', 'without_opt']);
      // As RFC 1035 has it: of the flags only RD is set.
      expect(first?.bytes.readUInt16BE(2)).toBe(0x0100);
      expect(said).toEqual([
        expect.stringMatching(
          /^warn .*does not speak EDNS .*asked without OPT and nothing of it is secure.*unbound/,
        ),
      ]);
    },
  );

  test.each(ignorance)(
    'that meets OPT with %s holds up no question while the first probe is under way',
    async (_how, refuse) => {
      const started = await lab(withoutEdns(refuse));
      const { resolver } = resolverFor([started]);
      void resolver.probe();
      expect(await gist(resolver.a('a.example'))).toBe('insecure records');
    },
  );

  test('is asked over TCP for what does not fit into 512 octets', async () => {
    const text = 'x'.repeat(255);
    const started = await lab(({ over, opt, name }) => {
      if (opt === 'with_opt') return { rcode: 1, opt: 'left_out' };
      if (name === '.') return old;
      if (over === 'udp') return { tc: true, opt: 'left_out' };
      return { opt: 'left_out', answers: [{ type: 'TXT', data: [text, text, text] }] };
    });
    const { resolver } = resolverFor([started]);
    await resolver.probe();
    expect(await resolver.txt('a.example')).toMatchObject({ kind: 'records', records: [text.repeat(3)] });
    expect(asked(started, 'without_opt').at(-1)).toMatchObject({ over: 'tcp', name: 'a.example' });
  });

  test('is found out over TLS as well', async () => {
    const { openCertificateOffice } = await import('../../haraka-test-harness/certificates');
    const office = await openCertificateOffice();
    const certificate = await office.certificate('dns.example', 'trusted');
    const tls = { key: certificate.keyPem, cert: certificate.chainPem };
    for (const refuse of [refusal(1), silence]) {
      const started = await lab(withoutEdns(refuse), { tls });
      const server = {
        transport: 'tls',
        address: '127.0.0.1',
        port: started.port,
        name: 'dns.example',
      } as const;
      const { resolver } = resolverFor([], {
        servers: [server],
        connectTls: trusting(office.caPem),
        timeoutMs: 1_500,
      });
      expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'without_edns' }] });
      expect(await gist(resolver.a('a.example'))).toBe('insecure records');
    }
  });

  test('that learns EDNS is asked with OPT from the next probe on, and what it said before is forgotten', async () => {
    let behaviour = withoutEdns(refusal(1));
    const started = await lab((query) => behaviour(query));
    const { resolver, said } = resolverFor([started]);
    await resolver.probe();
    expect(await gist(resolver.a('a.example'))).toBe('insecure records');
    behaviour = () => modern;
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'validates' }] });
    expect(await gist(resolver.a('a.example'))).toBe('secure records');
    expect(said).toEqual([expect.stringMatching(/^warn/), expect.stringMatching(/^notice .*validates/)]);
  });

  test('that lost its answers on the way once is found out all the same', async () => {
    let plain = 0;
    const started = await lab((query) => {
      if (query.opt === 'with_opt') return { rcode: 1, opt: 'left_out' };
      return ++plain === 2 ? 'silence' : old;
    });
    const { resolver } = resolverFor([started]);
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'without_edns' }] });
  });

  test('is no reason to ask without OPT where nobody probed', async () => {
    const started = await lab(withoutEdns(refusal(1)));
    const { resolver } = resolverFor([started]);
    for (const name of ['a.example', 'b.example', 'c.example']) {
      expect(await gist(resolver.a(name))).toBe('refused');
    }
    expect(asked(started, 'without_opt')).toEqual([]);
  });
});

describe('a resolver that ignores OPT', () => {
  test('is asked with it, and believed where it validates', async () => {
    const started = await lab(() => old);
    const { resolver } = resolverFor([started]);
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'validates' }] });
    expect(await gist(resolver.a('a.example'))).toBe('secure records');
    expect(asked(started, 'without_opt')).toEqual([]);
  });

  test('and whose answers were secure counts as one that speaks EDNS', async () => {
    let behaviour: Behaviour = () => old;
    const started = await lab((query) => behaviour(query));
    const { resolver } = resolverFor([started]);
    expect(await gist(resolver.a('a.example'))).toBe('secure records');
    behaviour = withoutEdns(refusal(1));
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'edns_lost' }] });
    expect(asked(started, 'without_opt')).toEqual([]);
  });
});

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

  test.each(signs)('where that was %s', async (_what, sign) => {
    for (const [, refuse] of ignorance) {
      let behaviour: Behaviour = sign;
      const started = await lab((query) => behaviour(query));
      const { resolver } = resolverFor([started], { timeoutMs: 40 });
      await resolver.a('a.example');
      behaviour = withoutEdns(refuse);
      const { findings } = await resolver.probe();
      expect(['edns_lost', 'no_answer']).toContain(findings[0]?.kind);
      expect(['refused', 'servfail', 'timeout']).toContain(await gist(resolver.a('b.example')));
      expect(asked(started, 'without_opt')).toEqual([]);
    }
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

describe('nobody strips DANE by meddling with the probe', { tags: ['regression'] }, () => {
  test.each(ignorance)('one forged %s is not enough', async (_how, refuse) => {
    let forged = 0;
    const started = await lab((query) =>
      query.opt === 'with_opt' && ++forged === 1 ? refuse(query) : modern,
    );
    const { resolver } = resolverFor([started]);
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'validates' }] });
    expect(await gist(resolver.a('a.example'))).toBe('secure records');
    expect(started.queries.at(-1)).toMatchObject({ name: 'a.example', over: 'udp', opt: 'with_opt' });
  });

  test.each(ignorance)(
    'all of UDP answered with a forged %s is not enough where the resolver answers over TCP',
    async (_how, refuse) => {
      const started = await lab((query) =>
        query.over === 'udp' && query.opt === 'with_opt' ? refuse(query) : modern,
      );
      const { resolver, said } = resolverFor([started]);
      expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'validates' }] });
      expect(await gist(resolver.a('a.example'))).toBe('secure records');
      expect(asked(started, 'with_opt').at(-1)).toMatchObject({ over: 'tcp', name: 'a.example' });
      expect(said).toContainEqual(expect.stringMatching(/^warn .*over TCP and not over UDP/));
    },
  );

  test('it goes back to UDP once OPT passes there, and says so again when it does not', async () => {
    let over: 'tcp' | 'both' = 'tcp';
    const started = await lab((query) =>
      over === 'tcp' && query.over === 'udp' && query.opt === 'with_opt' ? 'silence' : modern,
    );
    const { resolver, said } = resolverFor([started]);
    await resolver.probe();
    over = 'both';
    await resolver.probe();
    expect(await gist(resolver.a('a.example'))).toBe('secure records');
    expect(started.queries.at(-1)).toMatchObject({ over: 'udp', opt: 'with_opt' });
    over = 'tcp';
    await resolver.probe();
    expect(await gist(resolver.a('b.example'))).toBe('secure records');
    expect(said.filter((line) => line.includes('over TCP'))).toHaveLength(2);
  });

  test('a resolver that is just starting answers late, and is not taken for one without EDNS', async () => {
    // Nothing, until it is asked the fourth time; then everything.
    let queries = 0;
    const started = await lab(() => (++queries < 4 ? 'silence' : modern));
    const { resolver } = resolverFor([started]);
    await resolver.probe();
    expect(await gist(resolver.a('a.example'))).toBe('secure records');
  });

  test('a resolver of which nothing at all is heard is not taken for one without EDNS', async () => {
    const started = await lab(silence);
    const { resolver } = resolverFor([started], { timeoutMs: 50 });
    expect(await resolver.probe()).toMatchObject({ findings: [{ kind: 'no_answer' }] });
    expect(await gist(resolver.a('a.example'))).toBe('timeout');
    expect(started.queries.at(-1)).toMatchObject({ opt: 'with_opt' });
  });

  test('a question that waits while all places are taken goes as is known when its turn comes', async () => {
    // Without EDNS for the probe; then it holds every place that there is until it has spoken.
    let behaviour = withoutEdns(refusal(1));
    const started = await lab((query) => behaviour(query));
    const { resolver } = resolverFor([started], { timeoutMs: 1_500, deadlineMs: 2_500 });
    await resolver.probe();
    behaviour = ({ name }) => (name === 'speaks.example' ? modern : 'silence');
    const filling = Array.from({ length: 255 }, (_, i) => resolver.a(`mx${i}.dead.example`));
    const speaking = resolver.a('speaks.example');
    const waiting = Array.from({ length: 50 }, (_, i) => resolver.a(`waits${i}.dead.example`));
    expect(await gist(speaking)).toBe('insecure records');
    const heardAt = started.queries.findIndex(({ name }) => name === 'speaks.example');
    await Promise.all([...filling, ...waiting]);
    const late = started.queries.slice(heardAt + 1).filter(({ name }) => name.startsWith('waits'));
    expect(late.length).toBeGreaterThan(0);
    // What was on its way when it spoke is not called back.
    expect(late.filter(({ opt }) => opt === 'without_opt')).toEqual([]);
  });
});

describe('of several resolvers', { tags: ['regression'] }, () => {
  test('the one without EDNS does not answer where DANE may apply', async () => {
    const plain = await lab(withoutEdns(refusal(1)));
    let others: Behaviour = () => modern;
    const other = await lab((query) => others(query));
    const { resolver } = resolverFor([plain, other]);
    await resolver.probe();
    expect(await gist(resolver.a('a.example', { dane: true }))).toBe('secure records');
    expect(await gist(resolver.a('a.example'))).toBe('insecure records');
    others = silence;
    expect(await gist(resolver.a('b.example', { dane: true }))).toBe('timeout');
    expect(await gist(resolver.a('b.example'))).toBe('insecure records');
  });

  test('the one without EDNS does not answer where DANE may apply, though the question was put before that was known', async () => {
    const plain = await lab(withoutEdns(refusal(1)));
    const other = await lab(silence);
    const { resolver } = resolverFor([plain, other]);
    void resolver.probe();
    const answers = await Promise.all([
      gist(resolver.a('a.example', { dane: true })),
      gist(resolver.a('a.example')),
    ]);
    expect(answers).toEqual(['timeout', 'insecure records']);
  });

  test('where none has EDNS, all are asked and nothing is secure', async () => {
    const labs = [await lab(withoutEdns(refusal(1))), await lab(withoutEdns(silence))];
    const { resolver } = resolverFor(labs);
    expect(await resolver.probe()).toMatchObject({
      findings: [{ kind: 'without_edns' }, { kind: 'without_edns' }],
    });
    expect(await gist(resolver.a('a.example', { dane: true }))).toBe('insecure records');
  });

  test('SERVFAIL of one that cannot validate is no verdict', async () => {
    const plain = await lab((query) =>
      query.name === '.' ? withoutEdns(refusal(1))(query) : { rcode: 2, opt: 'left_out' },
    );
    const other = await lab(() => ({ answers: [{ type: 'A', data: '192.0.2.1' }] }));
    const { resolver } = resolverFor([plain, other]);
    await resolver.probe();
    expect(await gist(resolver.a('a.example'))).toBe('insecure records');
  });
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
