import { X509Certificate, createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createCa,
  createKey,
  intermediate,
  issue,
  selfSigned,
  tlv,
  type CertificateOptions,
  type Issued,
} from '../../haraka-test-harness/pki';
import { verifyDane, verifyPeer, type DaneVerdict } from '../../src/dane/verify';
import type { TlsaRecord } from '../../src/dane/types';
import { publicKeyInfo } from '../../src/x509/certificate';

const now = new Date();
const day = 86_400_000;
const host = 'mx.example.com';

type Kind = `${number} ${0 | 1} ${0 | 1 | 2}`;

/** The record of this kind that is right for `issued`. */
function tlsa(kind: Kind, { certDer }: Pick<Issued, 'certDer'>): TlsaRecord {
  const [usage, selector, matchingType] = kind.split(' ').map(Number) as [number, number, number];
  const whole = selector === 0 ? certDer : publicKeyInfo(certDer);
  if (whole === undefined) throw new Error('unreadable certificate');
  const data =
    matchingType === 0
      ? whole
      : createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(whole)
          .digest();
  return { usage, selector, matchingType, data };
}

function wrong(record: TlsaRecord): TlsaRecord {
  return { ...record, data: record.data.map((octet, index) => (index === 9 ? octet ^ 1 : octet)) };
}

function verify(
  chain: readonly Issued[],
  records: readonly TlsaRecord[],
  referenceNames: readonly string[] = [host],
): DaneVerdict {
  return verifyDane({
    chain: chain.map(({ certDer }) => new X509Certificate(certDer)),
    dane: { baseDomain: host, port: 25, records, referenceNames },
    now,
  });
}

/** `authenticated <usage> at <depth>`, or the reason of the refusal. */
function outcome(verdict: DaneVerdict): string {
  return verdict.kind === 'authenticated'
    ? `authenticated ${verdict.record.usage} at ${verdict.depth}`
    : verdict.reason;
}

let root: Issued;
let middle: Issued;
let leaf: Issued;
let stranger: Issued;

beforeAll(async () => {
  root = await createCa({ commonName: 'Root' });
  middle = await intermediate(root, { commonName: 'Middle' });
  leaf = await issue(middle, { dnsNames: [host] });
  stranger = await createCa({ commonName: 'Stranger' });
});

describe('usage 3', () => {
  it.each(['3 0 0', '3 0 1', '3 0 2', '3 1 0', '3 1 1', '3 1 2'] as const)(
    '%s of the leaf authenticates',
    (kind) => {
      expect(outcome(verify([leaf], [tlsa(kind, leaf)]))).toBe('authenticated 3 at 0');
      expect(outcome(verify([leaf], [wrong(tlsa(kind, leaf))]))).not.toMatch(/^authenticated/);
    },
  );

  it('takes a key of a kind that OpenSSL knows and this reader does not', () => {
    // id-ecPublicKey with another last octet.
    const der = Buffer.from(leaf.certDer);
    der[der.indexOf(Buffer.from('2a8648ce3d0201', 'hex')) + 6] = 9;
    const data = createHash('sha256').update(publicKeyInfo(der)!).digest();
    const records = [{ usage: 3, selector: 1, matchingType: 1, data }];
    const dane = { baseDomain: host, port: 25, records, referenceNames: [host] };
    expect(outcome(verifyPeer({ leaf: der, chain: () => [] }, dane, now))).toBe('authenticated 3 at 0');
  });

  it('asks for neither name nor dates nor CA', async () => {
    const old = await selfSigned({
      dnsNames: ['other.example'],
      notBefore: new Date(0),
      notAfter: new Date(day),
    });
    expect(outcome(verify([old], [tlsa('3 1 1', old)]))).toBe('authenticated 3 at 0');
  });

  it('matches the leaf only', () => {
    expect(outcome(verify([leaf, middle, root], [tlsa('3 1 1', middle)]))).toBe('certificate-not-trusted');
  });

  it('says what was seen and what is published', () => {
    const [seen, published] = [leaf, stranger].map((issued) =>
      Buffer.from(tlsa('3 1 1', issued).data).toString('hex').slice(0, 8),
    );
    const verdict = verify([leaf], [tlsa('3 1 1', stranger)]);
    expect(verdict.text).toContain(
      `certificate 3 1 1 digest is ${seen}..., the zone publishes ${published}...`,
    );
    expect(verdict.text).toContain('the peer renewed its key without updating DNS');
  });

  it('refuses a key that can be factored', async () => {
    const weak = await selfSigned({ key: 'rsa-1024' });
    expect(outcome(verify([weak], [tlsa('3 1 1', weak)]))).toBe('validation-failure');
  });
});

describe('usage 2', () => {
  it.each(['2 0 0', '2 0 1', '2 0 2', '2 1 0', '2 1 1', '2 1 2'] as const)(
    '%s anchors at any CA above the leaf',
    (kind) => {
      expect(outcome(verify([leaf, middle, root], [tlsa(kind, root)]))).toBe('authenticated 2 at 2');
      expect(outcome(verify([leaf, middle, root], [tlsa(kind, middle)]))).toBe('authenticated 2 at 1');
      expect(outcome(verify([leaf, middle, root], [tlsa(kind, stranger)]))).toBe('certificate-not-trusted');
    },
  );

  it('finds a path through any order, duplicates and strangers', () => {
    expect(outcome(verify([leaf, root, leaf, stranger, middle, root], [tlsa('2 0 1', root)]))).toBe(
      'authenticated 2 at 2',
    );
  });

  it('takes anchors that the peer did not send from the record', () => {
    expect(outcome(verify([leaf, middle], [tlsa('2 0 0', root)]))).toBe('authenticated 2 at 2');
    expect(outcome(verify([leaf, middle], [tlsa('2 1 0', root)]))).toBe('authenticated 2 at 2');
    expect(outcome(verify([leaf, middle], [tlsa('2 1 1', root)]))).toBe('certificate-not-trusted');
  });

  it('never takes the leaf for its own anchor, except through a bare key that signed it', async () => {
    const own = await selfSigned({ dnsNames: [host], basicConstraints: 'ca' });
    for (const kind of ['2 0 0', '2 0 1', '2 1 1'] as const) {
      expect(outcome(verify([own], [tlsa(kind, own)]))).toBe('certificate-not-trusted');
      expect(outcome(verify([own, own], [tlsa(kind, own)]))).toBe('certificate-not-trusted');
    }
    expect(outcome(verify([own], [tlsa('2 1 0', own)]))).toBe('authenticated 2 at 1');
  });

  it('does not accept an anchor that did not issue the leaf', () => {
    const verdict = verify([leaf, stranger], [tlsa('2 0 1', stranger)]);
    expect(outcome(verdict)).toBe('certificate-not-trusted');
    expect(verdict.text).toContain('did not issue');
  });

  it('does not accept a forged certificate that bears the name of the anchor', async () => {
    const forged = await createCa({ commonName: 'Middle' });
    const victim = await issue(forged, { dnsNames: [host], keyIdentifiers: 'absent' });
    expect(outcome(verify([victim, middle, root], [tlsa('2 0 1', middle)]))).toBe('certificate-not-trusted');
  });
});

const past = { notBefore: new Date(now.getTime() - 9 * day), notAfter: new Date(now.getTime() - day) };
const future = { notBefore: new Date(now.getTime() + day), notAfter: new Date(now.getTime() + 9 * day) };
const anyPolicy = '2.5.29.32';

/** One row: a path whose certificates are as the rows say, and what becomes of it. */
const paths: [
  fact: string,
  root: CertificateOptions,
  middle: CertificateOptions,
  leaf: CertificateOptions,
  outcome: string,
][] = [
  ['nothing is wrong', {}, {}, {}, 'authenticated 2 at 2'],
  ['RSA', { key: 'rsa' }, { key: 'rsa' }, { key: 'rsa' }, 'authenticated 2 at 2'],
  ['Ed25519', { key: 'ed25519' }, { key: 'ed25519' }, { key: 'ed25519' }, 'authenticated 2 at 2'],
  ['P-384', { key: 'ec-p384' }, { digest: 'SHA-384' }, {}, 'authenticated 2 at 2'],
  ['the leaf expired', {}, {}, past, 'certificate-expired'],
  ['the intermediate expired', {}, past, {}, 'certificate-expired'],
  ['the anchor expired', past, {}, {}, 'certificate-expired'],
  ['the leaf is not valid yet', {}, {}, future, 'certificate-expired'],
  ['the leaf is for another name', {}, {}, { dnsNames: ['other.example'] }, 'certificate-host-mismatch'],
  ['a wildcard covers one label', {}, {}, { dnsNames: ['*.example.com'] }, 'authenticated 2 at 2'],
  ['a wildcard does not cover two', {}, {}, { dnsNames: ['*.com'] }, 'certificate-host-mismatch'],
  [
    'a partial wildcard covers nothing',
    {},
    {},
    { dnsNames: ['m*.example.com'] },
    'certificate-host-mismatch',
  ],
  ['only the common name fits', {}, {}, { dnsNames: [], commonName: host }, 'authenticated 2 at 2'],
  [
    'a DNS-ID makes the common name void',
    {},
    {},
    { dnsNames: ['a.example'], commonName: host },
    'certificate-host-mismatch',
  ],
  ['the intermediate is no CA', {}, { basicConstraints: 'leaf' }, {}, 'validation-failure'],
  [
    'the intermediate says nothing about being a CA',
    {},
    { basicConstraints: 'absent' },
    {},
    'validation-failure',
  ],
  ['the anchor is no CA', { basicConstraints: 'leaf' }, {}, {}, 'validation-failure'],
  ['the intermediate may not sign', {}, { keyUsage: 'leaf' }, {}, 'validation-failure'],
  ['the leaf may only sign certificates', {}, {}, { keyUsage: 'ca' }, 'validation-failure'],
  [
    'no key usage anywhere',
    { keyUsage: 'absent' },
    { keyUsage: 'absent' },
    { keyUsage: 'absent' },
    'authenticated 2 at 2',
  ],
  ['the anchor allows no intermediate', { pathLength: 0 }, {}, {}, 'validation-failure'],
  ['the anchor allows one intermediate', { pathLength: 1 }, { pathLength: 0 }, {}, 'authenticated 2 at 2'],
  ['the leaf is for clients', {}, {}, { purposes: ['clientAuth'] }, 'validation-failure'],
  ['the leaf is for any purpose', {}, {}, { purposes: ['any'] }, 'authenticated 2 at 2'],
  ['the leaf names no purpose', {}, {}, { purposes: [] }, 'authenticated 2 at 2'],
  ['the intermediate is for e-mail', {}, { purposes: ['emailProtection'] }, {}, 'validation-failure'],
  ['the anchor is for e-mail', { purposes: ['emailProtection'] }, {}, {}, 'validation-failure'],
  [
    'the name is permitted',
    {},
    { nameConstraints: { permitted: [{ dns: 'example.com' }] } },
    {},
    'authenticated 2 at 2',
  ],
  [
    'the name is not permitted',
    {},
    { nameConstraints: { permitted: [{ dns: 'example.org' }] } },
    {},
    'validation-failure',
  ],
  [
    'the name is excluded',
    { nameConstraints: { excluded: [{ dns: 'example.com' }] } },
    {},
    {},
    'validation-failure',
  ],
  [
    'the common name is excluded',
    { nameConstraints: { excluded: [{ dns: 'example.com' }] } },
    {},
    { dnsNames: [], commonName: host },
    'validation-failure',
  ],
  [
    'a critical extension is unknown',
    {},
    { extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: true, valueHex: '0500' }] },
    {},
    'validation-failure',
  ],
  [
    'an unknown extension is not critical',
    {},
    { extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical: false, valueHex: '0500' }] },
    {},
    'authenticated 2 at 2',
  ],
  [
    'policies are critical',
    {},
    { extensions: [{ oid: anyPolicy, critical: true, valueHex: '300630040602551d' }] },
    {},
    'authenticated 2 at 2',
  ],
  ['the intermediate has an RSA-1024 key', {}, { key: 'rsa-1024' }, {}, 'validation-failure'],
  ['the anchor has an RSA-1024 key', { key: 'rsa-1024' }, {}, {}, 'validation-failure'],
  ['the leaf is signed with SHA-1', {}, { key: 'rsa' }, { digest: 'SHA-1' }, 'validation-failure'],
  ['the anchor is signed with SHA-1', { key: 'rsa', digest: 'SHA-1' }, {}, {}, 'authenticated 2 at 2'],
];

describe('the path of usage 2', () => {
  it.each(paths)('%s', async (_fact, rootOptions, middleOptions, leafOptions, expected) => {
    const ca = await createCa({ commonName: 'Root', ...rootOptions });
    const below = await intermediate(ca, { commonName: 'Middle', ...middleOptions });
    const end = await issue(below, { dnsNames: [host], ...leafOptions });
    expect(outcome(verify([end, below, ca], [tlsa('2 0 1', ca)]))).toBe(expected);
  });

  it('may take either of two cross-signed intermediates', async () => {
    const key = createKey('ec');
    const otherRoot = await createCa({ commonName: 'Other Root' });
    const one = await intermediate(root, { commonName: 'Cross', key, ...past });
    const two = await intermediate(otherRoot, { commonName: 'Cross', key });
    const end = await issue(two, { dnsNames: [host] });
    const chain = [end, one, two, root, otherRoot];
    expect(outcome(verify(chain, [tlsa('2 0 1', otherRoot)]))).toBe('authenticated 2 at 2');
    expect(outcome(verify(chain, [tlsa('2 0 1', root)]))).toBe('certificate-expired');
    expect(outcome(verify(chain, [tlsa('2 0 1', root), tlsa('2 0 1', otherRoot)]))).toBe(
      'authenticated 2 at 2',
    );
  });

  it('is refused for what is wrong with the path that comes nearest to holding, in whatever order paths are found', async () => {
    const key = createKey('ec');
    const expired = await intermediate(root, { commonName: 'Cross', key, ...past });
    const noCa = await intermediate(root, { commonName: 'Cross', key, basicConstraints: 'leaf' });
    const end = await issue(expired, { dnsNames: [host] });
    const record = tlsa('2 0 1', root);
    expect(outcome(verify([end, noCa, root], [record]))).toBe('validation-failure');
    expect(outcome(verify([end, expired, noCa, root], [record]))).toBe('certificate-expired');
    expect(outcome(verify([end, noCa, expired, root], [record]))).toBe('certificate-expired');
  });

  it('accepts any of the reference names, and says which', async () => {
    const end = await issue(middle, { dnsNames: ['example.com'] });
    expect(verify([end, middle], [tlsa('2 1 1', middle)], [host, 'example.com'])).toMatchObject({
      kind: 'authenticated',
      name: { kind: 'matched', name: 'example.com' },
    });
    expect(outcome(verify([end, middle], [tlsa('2 1 1', middle)], [host]))).toBe('certificate-host-mismatch');
  });

  it('ends on a chain of absurd length', async () => {
    const chain = [root];
    for (let depth = 0; depth < 60; depth++) {
      chain.push(await intermediate(chain[depth]!, { commonName: `CA ${depth}` }));
    }
    const end = await issue(chain.at(-1)!, { dnsNames: [host] });
    expect(outcome(verify([end, ...chain.reverse()], [tlsa('2 0 1', root)]))).toBe('certificate-not-trusted');
  });

  it('ends where every certificate could have issued every other', async () => {
    const tangle = await Promise.all(
      Array.from({ length: 40 }, () => createCa({ commonName: 'Same', keyIdentifiers: 'absent' })),
    );
    const end = await issue(tangle[0]!, { dnsNames: [host], keyIdentifiers: 'absent' });
    expect(outcome(verify([end, ...tangle.slice(1)], [tlsa('2 0 1', tangle[1]!)]))).toBe(
      'certificate-not-trusted',
    );
  });
});

describe('several records', () => {
  it.each([
    ['one of two suffices', ['good 3 1 1', 'wrong 3 1 1'], 'authenticated 3 at 0'],
    ['a usage 2 rescues a stale usage 3', ['wrong 3 1 1', 'good 2 1 1'], 'authenticated 2 at 2'],
    ['a malformed SHA-512 leaves SHA-256 in force', ['good 3 1 1', 'short 3 1 2'], 'authenticated 3 at 0'],
    ['a wrong SHA-512 outranks SHA-256', ['good 3 1 1', 'wrong 3 1 2'], 'certificate-not-trusted'],
    ['a wrong SHA-512 does not outrank whole data', ['good 3 1 0', 'wrong 3 1 2'], 'authenticated 3 at 0'],
    ['agility works per selector', ['good 3 0 1', 'wrong 3 1 2'], 'authenticated 3 at 0'],
    ['agility works per usage', ['good 3 1 1', 'wrong 2 1 2'], 'authenticated 3 at 0'],
    ['usages 0 and 1 do not count', ['good 1 1 1', 'good 0 1 1'], 'tlsa-invalid'],
  ])('%s', (_fact, kinds, expected) => {
    const records = kinds.map((text) => {
      const kind = text.slice(text.indexOf(' ') + 1) as Kind;
      const right = tlsa(kind, kind.startsWith('2') || kind.startsWith('0') ? root : leaf);
      if (text.startsWith('good')) return right;
      return text.startsWith('wrong') ? wrong(right) : { ...right, data: right.data.slice(1) };
    });
    for (const order of [records, [...records].reverse()]) {
      expect(outcome(verify([leaf, middle, root], order))).toBe(expected);
    }
  });

  it('explains each record once', () => {
    const good = tlsa('3 1 1', leaf);
    const records = [
      good,
      wrong(tlsa('3 1 2', leaf)),
      good,
      { ...good, usage: 1 },
      wrong(tlsa('2 0 1', root)),
    ];
    const verdict = verify([leaf, middle, root], records);
    expect(verdict.kind === 'refused' && verdict.perRecord).toEqual([
      expect.stringMatching(/^3 1 1 .*not looked at, because 3 1 2 is published too/),
      expect.stringMatching(/^certificate 3 1 2 digest is/),
      expect.stringMatching(/^1 1 1 .*unusable, usage 1 is not for SMTP/),
      expect.stringMatching(/^2 0 1 .*no certificate above the peer's own matches/),
    ]);
  });
});

it('refuses a peer without a certificate', () => {
  expect(outcome(verify([], [tlsa('3 1 1', leaf)]))).toBe('validation-failure');
});

it('refuses a peer whose certificate cannot be read, also where its octets are those of the record', () => {
  const der = Buffer.from('3003020101', 'hex');
  const records = [tlsa('3 0 1', { certDer: der })];
  const dane = { baseDomain: host, port: 25, records, referenceNames: [host] };
  expect(outcome(verifyPeer({ leaf: der, chain: () => [] }, dane, now))).toBe('validation-failure');
});

describe('the CAs above a certificate', { tags: ['regression'] }, () => {
  const excluding = (dns: string) => ({ nameConstraints: { excluded: [{ dns }] } });
  const wildcard = { dnsNames: ['*.example.com'] };
  const text = (verdict: DaneVerdict) => `${outcome(verdict)}: ${verdict.text}`;

  it('keep it from standing for a name that they exclude, although a wildcard covers it', async () => {
    const ca = await createCa({ ...excluding(host) });
    const between = await intermediate(ca);
    const chain = [await issue(between, wildcard), between, ca];
    for (const records of [
      [tlsa('2 0 1', ca)],
      [tlsa('2 0 0', ca)],
      [tlsa('2 1 1', ca), tlsa('2 1 2', ca)],
    ]) {
      expect(text(verify(chain, records))).toMatch(
        /^validation-failure: .*the peer's certificate may not stand for mx\.example\.com: the certificate at depth 2 does not permit that name/,
      );
    }
    // What stands above the anchor is not asked.
    expect(outcome(verify(chain, [tlsa('2 0 1', between)]))).toBe('authenticated 2 at 1');
  });

  it('leave it the names that they do not exclude', async () => {
    const ca = await createCa({ ...excluding(host) });
    const chain = [await issue(ca, { dnsNames: ['*.example.com', 'example.com'] }), ca];
    const verdict = verify(chain, [tlsa('2 0 1', ca)], [host, 'example.com']);
    expect(verdict).toMatchObject({ kind: 'authenticated', name: { name: 'example.com' } });
    expect(outcome(verify(chain, [tlsa('2 0 1', ca)], ['mail.example.com']))).toBe('authenticated 2 at 1');
  });

  it('are asked path by path', async () => {
    const key = createKey('ec');
    const [one, two] = [await createCa({ commonName: 'One' }), await createCa({ commonName: 'Two' })];
    const strict = await intermediate(one, { commonName: 'Crossed', key, ...excluding(host) });
    const lenient = await intermediate(two, { commonName: 'Crossed', key });
    const chain = [await issue(strict, wildcard), strict, lenient, one, two];
    expect(outcome(verify(chain, [tlsa('2 0 1', one)]))).toBe('validation-failure');
    expect(outcome(verify(chain, [tlsa('2 0 1', two)]))).toBe('authenticated 2 at 2');
  });
});

describe('more certificates than are looked at', { tags: ['regression'] }, () => {
  it('are what the refusal speaks of', async () => {
    const strangers = await Promise.all(
      Array.from({ length: 32 }, (_, index) => createCa({ commonName: `Stranger ${index}` })),
    );
    const [few, many] = [strangers.slice(0, 30), strangers];
    const tooMany = /the peer sent 34 certificates above its own, and only the first 32 are looked at/;
    const records = [tlsa('2 0 1', root)];
    expect(outcome(verify([leaf, ...few, middle, root], records))).toBe('authenticated 2 at 2');
    // The anchor, or what leads to it, is among those left out.
    expect(verify([leaf, ...many, middle, root], records).text).toMatch(tooMany);
    expect(verify([leaf, root, ...many, middle], records).text).toMatch(tooMany);
    expect(verify([leaf, root, ...many, middle], records).text).not.toContain('did not issue');
  });

  it('are too long a chain', async () => {
    const tower = [await createCa({ commonName: 'Floor 0' })];
    for (let floor = 1; floor <= 15; floor++) {
      tower.unshift(await intermediate(tower[0]!, { commonName: `Floor ${floor}` }));
    }
    const sixteen = [await issue(tower[1]!, { dnsNames: [host] }), ...tower.slice(1)];
    const seventeen = [await issue(tower[0]!, { dnsNames: [host] }), ...tower];
    const records = [tlsa('2 0 1', tower.at(-1)!)];
    expect(outcome(verify(sixteen, records))).toBe('authenticated 2 at 15');
    expect(verify(seventeen, records).text).toMatch(/longer than the 16 certificates that are followed/);
  });
});

describe('an extension that OpenSSL takes', { tags: ['regression'] }, () => {
  const extension = (oid: string, valueHex: string, critical = true) => ({
    extensions: [{ oid, critical, valueHex }],
  });
  const policyConstraints = extension('2.5.29.36', '3003800100');
  const crlDistributionPoints = extension('2.5.29.31', '300e300ca00aa0088606687474703a2f');
  const ocspNoCheck = extension('1.3.6.1.5.5.7.48.1.5', '0500');
  const netscapeType = (bits: string, critical = true) =>
    extension('2.16.840.1.113730.1.1', `030200${bits}`, critical);
  const gated = extension('2.5.29.37', '300b06096086480186f8420401', false);
  const proxy = (critical: boolean) =>
    extension('1.3.6.1.5.5.7.1.14', '300c300a06082b06010505071501', critical);
  const accepted = 'authenticated 2 at 2';

  it.each<[what: string, middle: CertificateOptions, leaf: CertificateOptions, outcome: string]>([
    ['policyConstraints', policyConstraints, policyConstraints, accepted],
    ['CRL distribution points', crlDistributionPoints, crlDistributionPoints, accepted],
    ['OCSP-no-check', ocspNoCheck, ocspNoCheck, accepted],
    ["Netscape's type, for servers", netscapeType('04'), netscapeType('40'), accepted],
    [
      "Netscape's type of a CA does not matter where it says that it is one",
      netscapeType('40'),
      {},
      accepted,
    ],
    ["Netscape's type, for clients only", {}, netscapeType('80'), 'validation-failure'],
    ["Netscape's type, for clients only, not critical", {}, netscapeType('80', false), 'validation-failure'],
    ['Server Gated Cryptography', gated, { ...gated, purposes: [] }, accepted],
    ['a critical proxy', {}, proxy(true), 'validation-failure'],
    ['a proxy', {}, proxy(false), 'validation-failure'],
    ['freshest CRL', {}, extension('2.5.29.46', '300e300ca00aa0088606687474703a2f'), 'validation-failure'],
  ])('%s', async (_what, middleOptions, leafOptions, expected) => {
    const between = await intermediate(root, middleOptions);
    const end = await issue(between, { dnsNames: [host], ...leafOptions });
    expect(outcome(verify([end, between, root], [tlsa('2 0 1', root)]))).toBe(expected);
  });
});

describe('a name that cannot be read', { tags: ['regression'] }, () => {
  it('is named as the cause, and does not matter where no name is asked for', async () => {
    const san = tlv(0x30, tlv(0x82, Buffer.from(host)), tlv(0x82, Buffer.from('m\u00fcx.example.com')));
    const extensions = [{ oid: '2.5.29.17', critical: false, valueHex: san.toString('hex') }];
    const end = await issue(root, { extensions });
    expect(verify([end, root], [tlsa('2 0 1', root)])).toMatchObject({
      reason: 'validation-failure',
      text: expect.stringContaining(
        "the peer's certificate cannot be read (subjectAltName: a dNSName with text that is not ASCII (m\u00fcx.example.com))",
      ) as unknown,
    });
    expect(outcome(verify([end], [tlsa('3 1 1', end)]))).toBe('authenticated 3 at 0');
  });
});
