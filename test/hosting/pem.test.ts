import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  chainPem,
  createCa,
  createKey,
  intermediate,
  issue,
  type Issued,
} from '../../haraka-test-harness/pki';
import { best, pairKeys, readPem } from '../../src/hosting/pem';

const day = 86_400_000;
const now = new Date();
const at = (days: number) => new Date(now.getTime() + days * day);

let ca: Issued;
let middle: Issued;
let leaf: Issued;
let other: Issued;

beforeAll(async () => {
  ca = await createCa();
  middle = await intermediate(ca);
  leaf = await issue(middle, { dnsNames: ['mta-sts.one.example'] });
  other = await issue(ca, { dnsNames: ['mta-sts.two.example'] });
});

const pairs = (files: Readonly<Record<string, string>>) =>
  pairKeys(Object.entries(files).map(([name, text]) => ({ name, text })));

/** The certificate with another object identifier in the place of id-ecPublicKey. */
function withUnknownKey(pem: string): string {
  const hex = Buffer.from(new X509Certificate(pem).raw).toString('hex');
  const body = Buffer.from(hex.replace('2a8648ce3d0201', '2a8648ce3d027f'), 'hex').toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
}

describe('keys and chains', () => {
  it('find each other in one file, in either order, with notes between them', () => {
    const found = pairs({
      'a.pem': `# ours\n${leaf.keyPem}\nsubject=CN = x\n${chainPem(leaf, middle)}`,
      'b.pem': chainPem(other) + other.keyPem,
    });
    expect(found.pairs.map(({ file, chainLength }) => [file, chainLength])).toEqual([
      ['a.pem', 2],
      ['b.pem', 1],
    ]);
    expect(found.problems).toEqual([]);
  });

  it('find each other across files, whatever these are called', () => {
    const found = pairs({
      'privkey.pem': leaf.keyPem,
      'chain.pem': middle.certPem,
      'cert.pem': leaf.certPem,
      'fullchain.pem': chainPem(leaf, middle),
      'stray.key': other.keyPem,
    });
    expect(found.pairs.map(({ file }) => file)).toEqual(['cert.pem', 'fullchain.pem']);
    expect(best(found.pairs, now)?.file).toBe('fullchain.pem');
  });

  it('do not belong together where they are not of one pair', () => {
    expect(pairs({ 'a.pem': leaf.certPem + other.keyPem }).pairs).toEqual([]);
  });

  it('that are damaged are named, and do not hide others', () => {
    const found = pairs({
      'bad.pem': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      'locked.pem': '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n',
      'good.pem': leaf.certPem + leaf.keyPem,
      'notes.txt': 'nothing of interest -----BEGIN',
    });
    expect(found.pairs.map(({ file }) => file)).toEqual(['good.pem']);
    expect(found.problems).toEqual([
      expect.stringMatching(/^bad\.pem: a CERTIFICATE/),
      expect.stringMatching(/^locked\.pem: a ENCRYPTED PRIVATE KEY/),
    ]);
  });

  it('with a kind of key that OpenSSL does not know are named, and do not hide others', () => {
    const found = pairs({
      'new.pem': withUnknownKey(other.certPem) + other.keyPem,
      'good.pem': leaf.certPem + leaf.keyPem,
    });
    expect(found.pairs.map(({ file }) => file)).toEqual(['good.pem']);
    expect(found.problems).toEqual([expect.stringMatching(/^new\.pem: a CERTIFICATE/)]);
  });

  it('are read in the order of the file', () => {
    const { chain } = readPem({ name: 'x', text: chainPem(leaf, middle, ca) });
    expect(chain.map(({ certificate }) => certificate.subject)).toEqual(
      [leaf, middle, ca].map(({ certPem }) => new X509Certificate(certPem).subject),
    );
  });
});

describe('of several certificates for a name', () => {
  it('the one that is valid now and longest is taken', async () => {
    const key = createKey('ec');
    const spans = { past: [-60, -1], current: [-30, 10], renewed: [-1, 60], future: [5, 300] } as const;
    const files = await Promise.all(
      Object.entries(spans).map(async ([name, [from, to]]) => {
        const made = await issue(ca, { dnsNames: ['x.example'], key, notBefore: at(from), notAfter: at(to) });
        return [name, made.certPem + made.keyPem] as const;
      }),
    );
    const all = pairs(Object.fromEntries(files)).pairs;
    expect(best(all, now)?.file).toBe('renewed');
    expect(best(all, at(100))?.file).toBe('future');
    expect(best([], now)).toBeUndefined();
  });
});
