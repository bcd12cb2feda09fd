/** What the check before a rollout finds in a world of real DNS, MX hosts and policy hosts. */
import { once } from 'node:events';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildWorld, type BuiltWorld } from '../../haraka-test-harness/build_world';
import type { DomainSpec, MxSpec, StsSpec } from '../../haraka-test-harness/world';
import { createResolver, type Resolver } from '../../src/dns/resolver';
import type { Answer } from '../../src/dns/types';
import { hostedFiles, type HostedFile } from '../../src/hosting/catalogue';
import { checkRollout } from '../../src/hosting/rollout_facts';
import { judgeRollout, type RolloutFacts } from '../../src/hosting/rollout';
import { probeHost } from '../../src/probe/probe';
import type { HandshakeRequest } from '../../src/tls/options';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

interface Case {
  readonly what: string;
  /** The `[mta_sts]` section; `enforce` for the domain's MX host where absent. */
  readonly ini?: string;
  readonly mx?: readonly MxSpec[];
  /** What is different from serving and publishing just that policy. */
  readonly sts?: StsSpec;
  readonly spec?: DomainSpec;
  /** One pattern per finding, in order. */
  readonly finds: readonly RegExp[];
}

const cases: Readonly<Record<string, Case>> = {
  'sound.example': { what: 'a sound setup', finds: [] },
  'uncovered.example': {
    what: 'an MX host that the policy forgot',
    mx: [{}, { host: 'backup.uncovered.example', preference: 20 }],
    finds: [
      /^error: the MX host backup\.uncovered\.example is not covered by any mx .* do not deliver there$/,
    ],
  },
  'plain.example': {
    what: 'an MX host without STARTTLS',
    mx: [{ behaviour: 'no-starttls' }],
    finds: [
      /^error: mx\.plain\.example \(127.*\): the peer does not offer STARTTLS: senders .* do not deliver there$/,
    ],
  },
  'expired.example': {
    what: 'an MX host whose certificate has expired',
    mx: [{ certificate: 'expired' }],
    finds: [
      /^error: mx\.expired\.example .* the peer's certificate \(CN=mx\.expired\.example\) expired on \d{4}-/,
    ],
  },
  'misnamed.example': {
    what: 'an MX host whose certificate is for another name',
    mx: [{ certificate: 'wrong-name' }],
    finds: [
      /^error: mx\.misnamed\.example .* the certificate is for DNS:wrong\.example, not for mx\.misnamed\.example/,
    ],
  },
  'selfsigned.example': {
    what: 'the same while testing',
    ini: 'mx = mx.selfsigned.example\n',
    mx: [{ certificate: 'self-signed' }],
    finds: [
      /^warning: mx\.selfsigned\.example .*SELF_SIGNED.*: with mode = enforce, senders would not deliver there$/,
    ],
  },
  'old.example': {
    what: 'an MX host that speaks TLS 1.0 only',
    mx: [{ tls: { min: 'TLSv1', max: 'TLSv1' } }],
    finds: [/^error: mx\.old\.example .* TLS 1\.2 or later is required, and the peer does not speak it/],
  },
  'silent.example': {
    what: 'an MX host that cannot be reached',
    mx: [{ behaviour: 'banner-close' }],
    finds: [/^warning: mx\.silent\.example .* could not be checked from here/],
  },
  'unused.example': {
    what: 'a pattern that fits no MX host',
    ini: 'mode = enforce\nmx[] = mx.unused.example\nmx[] = old.unused.example\n',
    finds: [/^warning: the policy allows old\.unused\.example, which is no MX host/],
  },
  'short.example': {
    what: 'a max_age of an hour',
    ini: 'mode = enforce\nmx = mx.short.example\nmax_age = 3600\n',
    finds: [/^warning: max_age is 3600 s/],
  },
  'unpublished.example': {
    what: 'no TXT record',
    sts: { txt: [] },
    finds: [
      /^error: no TXT record is published.*_mta-sts\.unpublished\.example TXT should be "v=STSv1; id=[0-9a-f]{32};"$/,
    ],
  },
  'stale.example': {
    what: 'a TXT record with another id',
    sts: { id: '20200101' },
    finds: [
      /^error: the TXT record has the id 20200101, so senders keep to an older policy.* id=[0-9a-f]{32};"$/,
    ],
  },
  'doubled.example': {
    what: 'two TXT records',
    sts: { txt: ['v=STSv1; id=1;', 'v=STSv1; id=2;'] },
    finds: [/^error: MTA-STS TXT record: 2 records .* so senders take it that there is no policy/],
  },
  'unserved.example': {
    what: 'a policy host whose certificate is for another name',
    sts: { certificate: 'wrong-name' },
    finds: [
      /^error: senders cannot fetch the policy: mta-sts\.unserved\.example .* not for mta-sts\.unserved\.example/,
    ],
  },
  'other.example': {
    what: 'a policy host that serves another policy',
    sts: { policy: { mode: 'none' } },
    finds: [
      /^error: mta-sts\.other\.example serves another policy than the one configured here: version: STSv1/,
    ],
  },
  'retired.example': {
    what: 'a policy that is withdrawn asks nothing of the MX hosts',
    ini: 'mode = none\n',
    mx: [{ behaviour: 'no-starttls' }],
    finds: [],
  },
  'nullmx.example': {
    what: 'a domain that takes no mail',
    spec: { mx: 'null' },
    ini: 'mode = testing\nmx = mx.nullmx.example\n',
    finds: [/^warning: it takes no mail \(null MX\)/],
  },
  'lost.example': {
    what: 'MX records that cannot be looked up',
    spec: { lookups: { MX: 'servfail' } },
    finds: [/^warning: its MX records could not be looked up/],
  },
};

const files = hostedFiles(
  loadSettings(
    memorySource(
      Object.fromEntries(
        Object.entries(cases).map(([domain, { ini }]) => [
          `tls-peers/${domain}.ini`,
          `[mta_sts]\n${ini ?? `mode = enforce\nmx = mx.${domain}\n`}`,
        ]),
      ),
    ),
  ).settings,
);
const fileOf = (domain: string): HostedFile => files.get(`mta-sts.${domain}`)!;

let world: BuiltWorld;
let resolver: Resolver;

beforeAll(async () => {
  const domains = Object.fromEntries(
    Object.entries(cases).map(([domain, { mx, sts, spec }]) => {
      const { id, text } = fileOf(domain);
      return [domain, { ...(mx && { mx }), sts: { id, policy: text, ...sts }, ...spec }];
    }),
  );
  world = await buildWorld({ domains });
  resolver = createResolver({ servers: [{ transport: 'udp', ...endpointOf(world.dns.address) }] });
});
afterAll(async () => {
  resolver.close();
  await world.stop();
});

function endpointOf(address: string): { address: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { address: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

const target = (address: string, port: number) => world.routes.get(`${address}|${port}`)!;

/** The same request, of whoever trusts the certificate authority of this world. */
function trustingTheWorld(handshake: HandshakeRequest | 'never'): HandshakeRequest | 'never' {
  if (handshake === 'never' || handshake.terms.chain !== 'enforced') return handshake;
  return { ...handshake, terms: { ...handshake.terms, extraRoots: world.office.caPem } };
}

const dependencies = () => ({
  resolver,
  ehloName: 'us.example',
  probe: (options: Parameters<typeof probeHost>[0]) =>
    probeHost({
      ...options,
      address: target(options.address, 25).host,
      port: target(options.address, 25).port,
      handshake: trustingTheWorld(options.handshake),
    }),
  open: (address: string, options: tls.ConnectionOptions) => {
    const { host, port } = target(address, 443);
    return tls.connect({ ...options, secureContext: undefined, ca: world.office.caPem, host, port });
  },
});

describe('the check finds', () => {
  it.each(Object.entries(cases).map(([domain, one]) => ({ domain, ...one })))(
    '$what',
    async ({ domain, finds }) => {
      const found = await checkRollout(dependencies(), [fileOf(domain)], AbortSignal.timeout(15_000));
      const lines = found.map(({ severity, text }) => `${severity}: ${text}`);
      expect(lines).toHaveLength(finds.length);
      for (const [index, pattern] of finds.entries()) expect(lines[index]).toMatch(pattern);
    },
  );

  it('nothing once it is told to stop', async () => {
    expect(await checkRollout(dependencies(), files.values(), AbortSignal.abort())).toEqual([]);
  });

  it('the same of several domains together, in their order', async () => {
    const together = [...files.values()];
    const checked: string[] = [];
    const lines = async (atOnce: number, onChecked?: (file: HostedFile) => void) =>
      (
        await checkRollout({ ...dependencies(), atOnce }, together, AbortSignal.timeout(60_000), onChecked)
      ).map(({ domain, severity }) => `${domain} ${severity}`);
    const one = await lines(1);
    expect(await lines(5, ({ domain }) => checked.push(domain))).toEqual(one);
    expect(checked.sort()).toEqual(Object.keys(cases).sort());
  });

  it('the same of an MX host that two domains share, and visits it once', async () => {
    let visits = 0;
    const counted = {
      ...dependencies(),
      probe: (options: Parameters<typeof probeHost>[0]) => (visits++, dependencies().probe(options)),
    };
    await checkRollout(
      counted,
      [fileOf('sound.example'), fileOf('sound.example')],
      AbortSignal.timeout(15_000),
    );
    expect(visits).toBe(1);
  });
});

describe('of several addresses of a policy host, the check finds', () => {
  const file = fileOf('sound.example');
  type Installation = 'sound' | 'dead' | 'expired' | 'other policy';
  const servers: https.Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.close();
      await once(server, 'close');
    }
  });

  /** The port of an installation; `dead`: one that nobody listens at any more. */
  async function install(kind: Installation): Promise<number> {
    const { chainPem, keyPem } = await world.office.certificate(
      file.host,
      kind === 'expired' ? 'expired' : 'trusted',
    );
    const body = kind === 'other policy' ? file.text.replace('enforce', 'testing') : file.text;
    const server = https.createServer({ cert: chainPem, key: keyPem }, (_, response) =>
      response.writeHead(200, { 'Content-Type': 'text/plain', Connection: 'close' }).end(body),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    if (kind === 'dead') {
      server.close();
      await once(server, 'close');
    } else servers.push(server);
    return port;
  }

  const a = (index: number) => `192.0.2.${index + 1}`;
  const aaaa = (index: number) => `2001:db8::${index + 1}`;

  /** The findings, and the addresses that were visited. */
  async function check(v4: readonly Installation[], v6: readonly Installation[]) {
    const at = new Map<string, number>();
    for (const [index, kind] of v4.entries()) at.set(a(index), await install(kind));
    for (const [index, kind] of v6.entries()) at.set(aaaa(index), await install(kind));
    const family = (colon: boolean) => [...at.keys()].filter((address) => address.includes(':') === colon);
    const asked: Pick<Resolver, 'a' | 'aaaa' | 'mx' | 'txt'> = {
      a: async (name, options) => {
        const answer = await resolver.a(name, options);
        return name === file.host && answer.kind === 'records'
          ? { ...answer, records: family(false) }
          : answer;
      },
      aaaa: (name, options) =>
        name === file.host
          ? Promise.resolve({
              kind: 'records',
              secure: false,
              records: family(true),
              canonicalName: name,
              ttl: 1,
            })
          : resolver.aaaa(name, options),
      mx: (name, options) => resolver.mx(name, options),
      txt: (name, options) => resolver.txt(name, options),
    };
    const visited: string[] = [];
    const open = (address: string, options: tls.ConnectionOptions) => {
      visited.push(address);
      const ca = world.office.caPem;
      return tls.connect({
        ...options,
        secureContext: undefined,
        ca,
        host: '127.0.0.1',
        port: at.get(address),
      });
    };
    const found = await checkRollout(
      { ...dependencies(), resolver: asked, open },
      [file],
      AbortSignal.timeout(15_000),
    );
    return { visited, lines: found.map(({ severity, text }) => `${severity}: ${text}`) };
  }

  it.each<{ v4: Installation[]; v6: Installation[]; finds: RegExp[] }>([
    { v4: ['sound'], v6: ['sound'], finds: [] },
    {
      v4: ['sound'],
      v6: ['dead'],
      finds: [
        /^warning: the policy cannot be fetched from here: mta-sts\.sound\.example \(2001:db8::1\): .*ECONNREFUSED/,
      ],
    },
    {
      v4: ['sound', 'expired'],
      v6: [],
      finds: [
        /^warning: some senders cannot fetch the policy: mta-sts\.sound\.example \(192\.0\.2\.2\): .*expired/,
      ],
    },
    {
      v4: ['sound', 'other policy'],
      v6: ['other policy'],
      finds: [
        /^error: mta-sts\.sound\.example \(2001:db8::1, 192\.0\.2\.2\) serves another policy .*mode: testing/,
      ],
    },
    {
      v4: ['dead', 'expired'],
      v6: [],
      finds: [
        /^error: the policy cannot be fetched from here: .*192\.0\.2\.1/,
        /^error: senders cannot .*192\.0\.2\.2.*expired/,
      ],
    },
  ])('$v4 and $v6: what is wrong with each', async ({ v4, v6, finds }) => {
    const { lines } = await check(v4, v6);
    expect(lines).toHaveLength(finds.length);
    for (const [index, pattern] of finds.entries()) expect(lines[index]).toMatch(pattern);
  });

  it('what is wrong with the one AAAA beside five A', async () => {
    const { visited, lines } = await check(['sound', 'sound', 'sound', 'sound', 'sound'], ['dead']);
    expect(visited).toEqual([a(0), aaaa(0), a(1), a(2)]);
    expect(lines).toHaveLength(1);
  });
});

describe('of a policy host without an address, the check finds', () => {
  const file = fileOf('sound.example');
  const denied = (name: string): Answer<string> => ({
    kind: 'denied',
    secure: false,
    denial: 'nodata',
    canonicalName: name,
    ttl: 1,
  });
  const failed = (): Answer<string> => ({ kind: 'failed', cause: 'timeout', detail: 'no answer in time' });

  it.each<{ what: string; answer: (name: string) => Answer<string>; finds: string }>([
    {
      what: 'an error where there is none',
      answer: denied,
      finds: 'error: senders cannot fetch the policy: mta-sts.sound.example has no address',
    },
    {
      what: 'nothing that senders would meet where it could not be looked up',
      answer: failed,
      finds: 'warning: the addresses of mta-sts.sound.example could not be looked up (no answer in time)',
    },
  ])('$what', async ({ answer, finds }) => {
    const asked: Pick<Resolver, 'a' | 'aaaa' | 'mx' | 'txt'> = {
      a: (name, options) => (name === file.host ? Promise.resolve(answer(name)) : resolver.a(name, options)),
      aaaa: (name, options) =>
        name === file.host ? Promise.resolve(answer(name)) : resolver.aaaa(name, options),
      mx: (name, options) => resolver.mx(name, options),
      txt: (name, options) => resolver.txt(name, options),
    };
    const found = await checkRollout(
      { ...dependencies(), resolver: asked },
      [file],
      AbortSignal.timeout(15_000),
    );
    expect(found.map(({ severity, text }) => `${severity}: ${text}`)).toEqual([finds]);
  });
});

describe('certificates that end soon', () => {
  const now = new Date('2026-03-01T00:00:00Z');
  const facts = (ends: string): RolloutFacts => {
    const file = fileOf('retired.example');
    return {
      file,
      mx: { kind: 'null_mx' },
      record: { kind: 'found', id: file.id },
      policyHost: {
        kind: 'found',
        addresses: ['192.0.2.1', '2001:db8::1'].map((address) => ({
          kind: 'served',
          address,
          text: file.text,
          certificateEnds: new Date(ends),
        })),
      },
    };
  };
  it.each([
    ['2026-03-16T00:00:00Z', []],
    ['2026-03-15T00:00:00Z', []],
    [
      '2026-03-14T23:59:59Z',
      ['the certificate of mta-sts.retired.example ends in 13 days; then senders cannot fetch the policy'],
    ],
    [
      '2026-03-02T12:00:00Z',
      ['the certificate of mta-sts.retired.example ends in 1 day; then senders cannot fetch the policy'],
    ],
  ] as const)('%s', (ends, texts) => {
    expect(judgeRollout(facts(ends), now).map(({ text }) => text)).toEqual(texts);
  });
});
