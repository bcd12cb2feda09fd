/** Resolvers without EDNS, and those that only ignore it. */
import { describe, expect, test } from 'vitest';
import {
  asked,
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
import { trusting, type Behaviour } from './lab_resolver';

cleanUpAfterEach();

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
