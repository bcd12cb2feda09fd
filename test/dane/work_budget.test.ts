/** What peers and zones may demand of one verification, and what honest ones need. Counted, never timed. */
import { X509Certificate, createHash, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createCa,
  createKey,
  intermediate,
  issue,
  tlv,
  type CertificateOptions,
  type Issued,
  type Key,
} from '../../haraka-test-harness/pki';
import {
  certificateIn,
  maximumRecords,
  maximumWholeRecords,
  publicKeyIn,
  unusableBecause,
  usableRecords,
} from '../../src/dane/records';
import type { TlsaRecord } from '../../src/dane/types';
import { verifyDane, type DaneVerdict } from '../../src/dane/verify';
import { maximumNames, publicKeyInfo } from '../../src/x509/certificate';
import { WorkBudget, allowances } from '../../src/x509/work_budget';
import { judgeKey } from '../../src/x509/strength';

const host = 'mx.example.com';
const day = 86_400_000;
const past = { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) };

interface Judged {
  readonly verdict: DaneVerdict;
  readonly budget: WorkBudget;
  /** Signature checks that OpenSSL was really asked for. */
  readonly checks: number;
}

function judge(chain: readonly Issued[], records: readonly TlsaRecord[]): Judged {
  const asked = vi.spyOn(X509Certificate.prototype, 'verify');
  const budget = new WorkBudget();
  const verdict = verifyDane(
    {
      chain: chain.map(({ certDer }) => new X509Certificate(certDer)),
      dane: { baseDomain: host, port: 25, records, referenceNames: [host] },
      now: new Date(),
    },
    budget,
  );
  const checks = asked.mock.calls.length;
  asked.mockRestore();
  return { verdict, budget, checks };
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** 1.2.840.10045.2.1 */
const ecPublicKey = Buffer.from('06072a8648ce3d0201', 'hex');

function sha256Record(index: number): TlsaRecord {
  return {
    usage: 3,
    selector: 1,
    matchingType: 1,
    data: createHash('sha256').update(String(index)).digest(),
  };
}

function bare(spki: Uint8Array): TlsaRecord {
  return { usage: 2, selector: 1, matchingType: 0, data: new Uint8Array(spki) };
}

function whole({ certDer }: Issued): TlsaRecord {
  return { usage: 2, selector: 0, matchingType: 0, data: new Uint8Array(certDer) };
}

function digest({ certDer }: Issued): TlsaRecord {
  return { usage: 2, selector: 0, matchingType: 1, data: createHash('sha256').update(certDer).digest() };
}

/** An RSA key that nobody holds, of this size and with an exponent of as many bits. */
function rsaKey(modulusBits: number, exponentBits: number): Buffer {
  const modulus = Buffer.alloc(modulusBits / 8, 0xff);
  const exponent = Buffer.from(
    (2n ** BigInt(exponentBits) - 1n)
      .toString(16)
      .padStart(2, '0')
      .replace(/^(.(..)*)$/, '0$1'),
    'hex',
  );
  return createPublicKey({
    key: { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') },
    format: 'jwk',
  }).export({ type: 'spki', format: 'der' });
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

let root: Issued;
let middle: Issued;
let leaf: Issued;
let shared: Key;

beforeAll(async () => {
  root = await createCa({ commonName: 'Root' });
  middle = await intermediate(root, { commonName: 'Middle' });
  leaf = await issue(middle, { dnsNames: [host] });
  shared = createKey('ec');
});

/** Thirty-two CA certificates of two names that could all have issued each other, and a leaf below. */
async function ring(options: CertificateOptions): Promise<Issued[]> {
  const [one, two] = await Promise.all(
    ['One', 'Two'].map((commonName) => createCa({ commonName, key: shared, ...options })),
  );
  const members = await Promise.all(
    times(32, (index) =>
      intermediate(index % 2 === 0 ? two! : one!, {
        commonName: index % 2 === 0 ? 'One' : 'Two',
        key: shared,
        ...options,
      }),
    ),
  );
  return [await issue(members[0]!, { dnsNames: [host] }), ...members];
}

interface Attack {
  readonly chain: readonly Issued[];
  readonly records: readonly TlsaRecord[];
}

const attacks: [fact: string, spends: RegExp, attack: () => Promise<Attack>][] = [
  [
    'many bare keys that are dear to check',
    /more signature checks than 512/,
    () => Promise.resolve({ chain: [leaf], records: times(64, () => bare(createKey('ec-p384').spki)) }),
  ],
  [
    'bare keys times paths',
    /more signature checks than 512/,
    async () => ({ chain: await ring(past), records: times(60, () => bare(createKey('ec').spki)) }),
  ],
  [
    'a ring of certificates that issued each other',
    /more than 256 paths/,
    async () => {
      const chain = await ring(past);
      return { chain, records: chain.slice(1).map(digest) };
    },
  ],
  [
    'many names below many constraints',
    /more than 131072 comparisons of names/,
    async () => {
      const permitted = times(600, (index) => ({ dns: `${index}.example` }));
      const ca = await intermediate(root, { commonName: 'Constrained', nameConstraints: { permitted } });
      const end = await issue(ca, { dnsNames: times(600, (index) => `${index}.599.example`) });
      return { chain: [end, ca, root], records: [digest(root)] };
    },
  ],
  [
    'constraints all the way up a ring',
    /more than 131072 comparisons of names/,
    async () => {
      const permitted = times(60, (index) => ({ dns: `${index}.example` })).concat({ dns: 'com' });
      const chain = await ring({ ...past, nameConstraints: { permitted } });
      const end = await issue(chain[1]!, { dnsNames: times(60, (index) => `${index}.example.com`) });
      return { chain: [end, ...chain.slice(1)], records: chain.slice(1).map(digest) };
    },
  ],
];

describe('a peer that demands too much', () => {
  it.each(attacks)('%s: is refused, and told so', async (_fact, spends, attack) => {
    const { chain, records } = await attack();
    const { verdict, budget, checks } = judge(chain, records);
    expect(verdict.kind).toBe('refused');
    expect(verdict.text).toMatch(/take too much work to judge/);
    expect(verdict.text).toMatch(spends);
    expect(verdict.kind === 'refused' && verdict.reason).toBe('validation-failure');
    expect(checks).toBeLessThanOrEqual(budget.spent.signatures);
    expect(checks).toBeLessThanOrEqual(allowances.signatures);
    expect(budget.spent.paths).toBeLessThanOrEqual(allowances.paths + 1);
  });

  it('is told the same every time, whatever was found out before', async () => {
    const chain = await ring(past);
    const records = chain.slice(1).map(digest);
    const [first, second] = [judge(chain, records), judge(chain, records)];
    expect(second.verdict).toEqual(first.verdict);
    expect(second.budget.spent).toEqual(first.budget.spent);
  });

  it('has each signature checked once for each certificate and key', async () => {
    // Thirty-three certificates, one key, and hundreds of paths.
    expect(judge(await ring(past), [bare(createKey('ec').spki)]).checks).toBeLessThanOrEqual(2 * 33);
  });

  it.each([
    ['a modulus of 16384 bits', rsaKey(16384, 17), /RSA key of 16384 bits, more than 8192/],
    ['an exponent as long as the modulus', rsaKey(3072, 3040), /exponent of 3040 bits, more than 64/],
  ])('never has a signature checked with %s', (_fact, spki, text) => {
    const { verdict, checks } = judge([leaf], [bare(spki)]);
    expect(verdict).toMatchObject({ kind: 'refused', reason: 'certificate-not-trusted' });
    expect(verdict.text).toMatch(text);
    expect(checks).toBe(0);
  });

  it.each([
    ['a modulus of 16384 bits', rsaKey(16384, 17), /signed by an RSA key of 16384 bits/],
    [
      'an exponent as long as the modulus',
      rsaKey(3072, 3040),
      /signed by an RSA key with an exponent of 3040/,
    ],
  ])('is not believed what an issuer with %s is said to have signed', async (_fact, spki, text) => {
    // Signed with another key; to find that out would take a check.
    const key: Key = { ...createKey('rsa'), spki };
    const anchor = await createCa({ commonName: 'Dear', key });
    const between = await intermediate(root, { commonName: 'Dear', key });
    for (const chain of [[anchor], [between, root]]) {
      const end = await issue(chain[0]!, { dnsNames: [host] });
      const { verdict } = judge([end, ...chain], [digest(chain.at(-1)!)]);
      expect(verdict).toMatchObject({ kind: 'refused', reason: 'validation-failure' });
      expect(verdict.text).toMatch(text);
    }
  });

  it('has no certificate read that holds thousands of names', async () => {
    const end = await issue(middle, { dnsNames: times(maximumNames + 1, (index) => `${index}.example`) });
    const { verdict } = judge([end, middle], [digest(middle)]);
    expect(verdict).toMatchObject({ kind: 'refused', reason: 'validation-failure' });
    expect(verdict.text).toContain('more than 4096 names');
  });
});

/** Honest peers, however odd, and how many records they publish. */
const honest: [fact: string, make: () => Promise<Attack>][] = [
  [
    'thirty-one cross-signed intermediates of one name and key, the anchor above the last',
    async () => {
      const roots = await Promise.all(times(31, (index) => createCa({ commonName: `Root ${index}` })));
      const crossed = await Promise.all(
        roots.map((ca) => intermediate(ca, { commonName: 'Cross', key: shared })),
      );
      const end = await issue(crossed[0]!, { dnsNames: [host] });
      return { chain: [end, ...crossed], records: [whole(roots[30]!)] };
    },
  ],
  [
    'thirty-one intermediates of one name, each with a dear key of its own',
    async () => {
      const rekeyed = await Promise.all(
        times(31, () => intermediate(root, { commonName: 'Rekeyed', key: 'ec-p384' })),
      );
      const end = await issue(rekeyed[17]!, { dnsNames: [host] });
      return { chain: [end, ...rekeyed], records: [whole(root)] };
    },
  ],
  [
    'fifteen intermediates, one above the other, in the wrong order',
    async () => {
      const chain = [root];
      for (let depth = 1; depth < 15; depth++) {
        chain.push(await intermediate(chain[depth - 1]!, { commonName: `CA ${depth}` }));
      }
      const end = await issue(chain[14]!, { dnsNames: [host] });
      return { chain: [end, ...chain], records: [digest(root)] };
    },
  ],
  [
    'twenty-four anchors by digest, the last one right',
    async () => {
      const strangers = await Promise.all(times(23, () => createCa({ commonName: 'Root' })));
      return { chain: [leaf, middle, root], records: [...strangers.map(digest), digest(root)] };
    },
  ],
  [
    'twenty-four anchors whole, all of one name',
    async () => {
      const strangers = await Promise.all(times(23, () => createCa({ commonName: 'Root' })));
      return { chain: [leaf, middle], records: [...strangers.map(whole), whole(root)] };
    },
  ],
  [
    'twenty-four bare keys',
    () =>
      Promise.resolve({
        chain: [leaf, middle, root],
        records: [...times(23, () => bare(createKey('ec').spki)), bare(root.key.spki)],
      }),
  ],
  [
    'a CA for three hundred domains, a certificate for two hundred names',
    async () => {
      const permitted = times(299, (index) => ({ dns: `${index}.example` })).concat({ dns: 'example.com' });
      const ca = await intermediate(root, { commonName: 'Constrained', nameConstraints: { permitted } });
      const end = await issue(ca, { dnsNames: [host, ...times(199, (index) => `${index}.example.com`)] });
      return { chain: [end, ca, root], records: [digest(root)] };
    },
  ],
];

describe('an honest peer', () => {
  it.each(honest)('%s: is authenticated', async (_fact, make) => {
    const { chain, records } = await make();
    for (const [order, published] of [
      [chain, records],
      [[chain[0]!, ...chain.slice(1).reverse()], [...records].reverse()],
    ] as const) {
      const { verdict, budget } = judge(order, published);
      expect(verdict.text).toMatch(/matches the trust anchor/);
      expect(budget.spent.signatures).toBeLessThanOrEqual(allowances.signatures);
    }
  });

  it('needs two signature checks for a chain of three', () => {
    const { verdict, budget, checks } = judge([leaf, middle, root], [digest(root)]);
    expect(verdict.kind).toBe('authenticated');
    expect(checks).toBe(2);
    expect(budget.spent).toEqual({ signatures: 6, paths: 4, nameComparisons: 1 });
  });

  it('is authenticated in whatever order certificates and records come, strangers among them', async () => {
    const strangers = await Promise.all(
      times(8, (index) => intermediate(root, { commonName: index % 2 === 0 ? 'Middle' : 'Root' })),
    );
    const above = [middle, root, ...strangers];
    const records = [
      digest(root),
      ...strangers.map(bareKeyOf),
      ...times(8, () => bare(createKey('ec').spki)),
    ];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(above, { minLength: above.length }),
        fc.shuffledSubarray(records, { minLength: records.length }),
        (sent, published) => judge([leaf, ...sent], published).verdict.kind === 'authenticated',
      ),
      { numRuns: 30 },
    );
  });
});

function bareKeyOf({ key }: Issued): TlsaRecord {
  return bare(key.spki);
}

it.each([
  ['RSA-2048', 1, rsaKey(2048, 17)],
  ['RSA-4096', 4, rsaKey(4096, 17)],
  ['RSA-8192', 16, rsaKey(8192, 17)],
  ['RSA-2048 with an exponent of 64 bits', 4, rsaKey(2048, 64)],
  ['P-256', 3, createKey('ec').spki],
  ['P-384', 32, createKey('ec-p384').spki],
  ['Ed25519', 5, createKey('ed25519').spki],
  ['ML-DSA-65', 16, Buffer.from('3012300b06096086480165030403120303000001', 'hex')],
  ['RSA with one bit more', 'excessive', rsaKey(8200, 17)],
  ['an exponent with one bit more', 'excessive', rsaKey(2048, 65)],
  ['a key of no known kind', 'excessive', Buffer.from('300c300506032b656e03030001', 'hex')],
  ['no key at all', 'excessive', Buffer.from('0500', 'hex')],
])('a signature check with %s costs %s', (_key, expected, spki) => {
  const { cost } = judgeKey(spki);
  expect(cost.kind === 'units' ? cost.units : cost.kind).toBe(expected);
});

describe('records', () => {
  it('are usable up to a number', () => {
    const records = times(maximumRecords + 9, (index) => sha256Record(index));
    expect(usableRecords(records)).toEqual(records.slice(0, maximumRecords));
  });

  it('that carry whole keys are usable up to a smaller one', () => {
    const records = times(maximumWholeRecords + 9, () => bare(createKey('ec').spki));
    expect(usableRecords(records)).toEqual(records.slice(0, maximumWholeRecords));
  });

  it('that carry whole keys are kept parsed while they are asked about, however many others there are', () => {
    const [busy, idle, ...others] = times(4_000, () => bare(shared.spki)) as [TlsaRecord, TlsaRecord];
    const [before, forgotten] = [publicKeyIn(busy), publicKeyIn(idle)];
    for (const other of others) for (const record of [busy, other]) usableRecords([record]);
    expect(publicKeyIn(busy)).toBe(before);
    expect(publicKeyIn(idle)).not.toBe(forgotten);
    expect(publicKeyIn(idle)?.info).toBe(idle.data);
  });

  it('with a curve that they describe themselves are there, and are never read', () => {
    // No curve at all: OpenSSL would refuse it, and the record would not be usable.
    const algorithm = tlv(0x30, ecPublicKey, tlv(0x30, tlv(0x02, Buffer.from([1]))));
    const record = bare(tlv(0x30, algorithm, tlv(0x03, Buffer.from([0, 2, 1]))));
    expect(unusableBecause(record)).toBeUndefined();
    expect([publicKeyIn(record), certificateIn(record)]).toEqual([undefined, undefined]);
    const { verdict } = judge([leaf, middle], [record]);
    expect(verdict).toMatchObject({ kind: 'refused', reason: 'certificate-not-trusted' });
  });

  it('that have to be parsed are not all tried, the others are', () => {
    const junk = times(maximumRecords + 9, (index) =>
      bare(Buffer.from(`3001${index.toString(16).padStart(2, '0')}`, 'hex')),
    );
    const late = bare(createKey('ec').spki);
    expect(unusableBecause(late)).toBeUndefined();
    expect(usableRecords([...junk, late])).toEqual([]);
    expect(usableRecords([...junk, digest(root), late])).toEqual([digest(root)]);
  });

  it('are explained up to a number', () => {
    const info = publicKeyInfo(root.certDer)!;
    const records = times(500, (index) => ({
      ...bare(info),
      matchingType: 1,
      data: Buffer.alloc(32, index % 251).fill(index >> 8, 0, 1),
    }));
    const { verdict } = judge([leaf, middle], records);
    expect(verdict.kind === 'refused' && verdict.perRecord.length).toBe(maximumRecords);
  });
});
