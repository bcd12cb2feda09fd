/** Nobody on the way takes EDNS, and with it DANE, from a resolver that has it. */
import { describe, expect, test } from 'vitest';
import {
  asked,
  cleanUpAfterEach,
  gist,
  ignorance,
  lab,
  modern,
  refusal,
  resolverFor,
  silence,
  withoutEdns,
} from './edns_lab';
import type { Behaviour } from './lab_resolver';

cleanUpAfterEach();

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
