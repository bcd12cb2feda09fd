import { X509Certificate, sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createCa,
  createKey,
  intermediate,
  issue,
  tlv,
  type CertificateOptions,
  type Issued,
} from '../../haraka-test-harness/pki';
import { WorkBudget, issuerKeyOf } from '../../src/x509/work_budget';
import { bearsName, checkPath, mayHaveIssued, pointsTo } from '../../src/x509/path';

const host = 'mx.example.com';
const now = new Date(Math.floor(Date.now() / 1000) * 1000);

type Der = Pick<Issued, 'certDer'>;
const parsed = ({ certDer }: Der) => new X509Certificate(certDer);

/** `valid`, or what is wrong and where. `key`: whose bare key is the anchor, instead of the last certificate. */
function check(path: readonly Der[], key?: Der, at = now): string {
  const anchor = key
    ? ({ kind: 'key', key: issuerKeyOf(parsed(key)) } as const)
    : ({ kind: 'last' } as const);
  const result = checkPath(path.map(parsed), anchor, at, new WorkBudget());
  return result.kind === 'valid' ? 'valid' : `${result.fault.kind} at ${result.fault.depth}`;
}

/** Two extensions of one kind: Node reads such a certificate, we do not. */
const unreadable = {
  extensions: [1, 2].map(() => ({ oid: '1.3.6.1.4.1.99999.1', critical: false, valueHex: '0500' })),
};

let root: Issued, middle: Issued, leaf: Issued, stranger: Issued;
beforeAll(async () => {
  root = await createCa({ commonName: 'Root' });
  middle = await intermediate(root, { commonName: 'Middle' });
  leaf = await issue(middle, { dnsNames: [host] });
  stranger = await createCa({ commonName: 'Root' });
});

describe('a path', () => {
  it('holds where each certificate is signed by the next, and the last by the bare key', () => {
    expect(check([leaf, middle, root])).toBe('valid');
    expect(check([leaf, middle])).toBe('valid');
    expect(check([leaf, middle, stranger])).toBe('untrusted at 1');
    expect(check([leaf, root])).toBe('untrusted at 0');
    expect(check([leaf, middle], root)).toBe('valid');
    expect(check([leaf, middle], stranger)).toBe('untrusted at 1');
    expect(check([leaf], stranger)).toBe('untrusted at 0');
  });

  it('does not hold where a certificate in it cannot be read', async () => {
    const broken = await intermediate(root, unreadable);
    const below = await issue(broken, { dnsNames: [host] });
    expect(check([below, broken, root])).toBe('malformed at 1');
    expect(check([await issue(middle, unreadable), middle])).toBe('malformed at 0');
  });

  it('does not hold by a bare key that can be factored', async () => {
    const weak = await createCa({ key: 'rsa-1024' });
    const below = await issue(weak, { dnsNames: [host] });
    expect(check([below], weak)).toBe('weak at 0');
    expect(check([below, weak])).toBe('weak at 1');
  });

  it('does not hold by a signature with SHA-1, unless it is that of the anchor', async () => {
    const old = await createCa({ key: 'rsa', digest: 'SHA-1' });
    const [weak, sound] = await Promise.all([
      issue(old, { dnsNames: [host], digest: 'SHA-1' }),
      issue(old, { dnsNames: [host] }),
    ]);
    expect(check([sound, old])).toBe('valid');
    expect(check([weak, old])).toBe('weak at 0');
    expect(check([weak], old)).toBe('weak at 0');
    expect(check([sound, old], old)).toBe('weak at 1');
  });

  it('holds from the first second of its dates to the last', async () => {
    const [notBefore, notAfter] = [new Date(now.getTime() - 5000), new Date(now.getTime() + 5000)];
    const brief = await issue(middle, { dnsNames: [host], notBefore, notAfter });
    expect(check([brief, middle], undefined, notBefore)).toBe('valid');
    expect(check([brief, middle], undefined, notAfter)).toBe('valid');
    expect(check([brief, middle], undefined, new Date(notBefore.getTime() - 1))).toBe('dates at 0');
    expect(check([brief, middle], undefined, new Date(notAfter.getTime() + 1))).toBe('dates at 0');
  });
});

describe('a CA', () => {
  it('says so, also where it is its own issuer', async () => {
    const silent = await createCa({ basicConstraints: 'absent', keyUsage: 'absent' });
    expect(check([await issue(silent, { dnsNames: [host] }), silent])).toBe('forbidden at 1');
  });

  it(
    'may say so by its key usage where it is the anchor, and nowhere else',
    { tags: ['regression'] },
    async () => {
      const byUsage = { basicConstraints: 'absent' } as const;
      const anchor = await createCa(byUsage);
      const below = await intermediate(anchor, { commonName: 'Below', ...byUsage });
      const leaf = await issue(below, { dnsNames: [host] });
      expect(check([await issue(anchor, { dnsNames: [host] }), anchor])).toBe('valid');
      expect(check([leaf, below])).toBe('valid');
      expect(check([leaf, below], anchor)).toBe('valid');
      expect(check([leaf, below, anchor])).toBe('forbidden at 1');
      const forLeaves = await createCa({ ...byUsage, keyUsage: 'leaf' });
      expect(check([await issue(forLeaves, { dnsNames: [host] }), forLeaves])).toBe('forbidden at 1');
    },
  );

  it('of version 1 cannot say so, and is one where it is its own issuer', async () => {
    const versionOne = (subject: string): Issued => {
      const key = createKey('ec');
      const name = (text: string) =>
        tlv(0x30, tlv(0x31, tlv(0x30, Buffer.from('0603550403', 'hex'), tlv(0x0c, Buffer.from(text)))));
      const time = (offset: number) => {
        const digits = new Date(now.getTime() + offset).toISOString().replace(/\D/g, '');
        return tlv(0x18, Buffer.from(`${digits.slice(0, 14)}Z`));
      };
      const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
      const serial = Buffer.from('020101', 'hex');
      const dates = tlv(0x30, time(-3600_000), time(3600_000));
      const tbs = tlv(0x30, serial, algorithm, name('Old Root'), dates, name(subject), Buffer.from(key.spki));
      const signature = tlv(0x03, Buffer.from([0]), sign('sha256', tbs, key.pem));
      const certDer = tlv(0x30, tbs, algorithm, signature);
      return { certDer, certPem: '', keyPem: key.pem, key, subject: `CN=${subject}` };
    };
    const [old, other] = [versionOne('Old Root'), versionOne('Other')];
    expect(check([await issue(old, { dnsNames: [host] }), old])).toBe('valid');
    expect(check([await issue(other, { dnsNames: [host] }), other])).toBe('forbidden at 1');
  });
});

describe('what a CA asks of those below it', () => {
  /** A root, its new key under the same name, an intermediate, and a leaf. */
  async function rollover(options: Partial<Record<'old' | 'new' | 'middle' | 'leaf', CertificateOptions>>) {
    const oldRoot = await createCa({ commonName: 'Root', ...options.old });
    const newRoot = await intermediate(oldRoot, { commonName: 'Root', ...options.new });
    const between = await intermediate(newRoot, { commonName: 'Middle', ...options.middle });
    return [await issue(between, { dnsNames: [host], ...options.leaf }), between, newRoot, oldRoot];
  }
  const nameConstraints = { permitted: [{ dns: 'example.com' }] };
  const elsewhere = { dnsNames: ['ca.example.org'] };

  it('counts no certificate that it issued to itself', async () => {
    expect(check(await rollover({ old: { pathLength: 1 } }))).toBe('valid');
    expect(check(await rollover({ old: { pathLength: 1 }, new: { commonName: 'New' } }))).toBe(
      'forbidden at 3',
    );
    expect(check(await rollover({ new: { pathLength: 0 } }))).toBe('forbidden at 2');
  });

  it.each<[fact: string, options: Parameters<typeof rollover>[0], expected: string]>([
    ['the names of a leaf', { leaf: elsewhere }, 'forbidden at 0'],
    ['the names of a CA', { middle: elsewhere }, 'forbidden at 1'],
    ['those of one that it issued to itself are its own', { new: elsewhere }, 'valid'],
    [
      'those of one with another name are not',
      { new: { ...elsewhere, commonName: 'New' } },
      'forbidden at 2',
    ],
    ['what a CA is called is no name of a host', { middle: { commonName: 'ca.example.org' } }, 'valid'],
  ])('constrains names: %s', async (_fact, options, expected) => {
    expect(check(await rollover({ old: { nameConstraints }, ...options }))).toBe(expected);
  });

  it('holds for no name that cannot be compared with it', async () => {
    // A permitted directory name that holds less than it says.
    const valueHex = tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0xa4, Buffer.from('300231ff', 'hex'))))).toString(
      'hex',
    );
    const extensions = [{ oid: '2.5.29.30', critical: true, valueHex }];
    expect(check(await rollover({ old: { extensions } }))).toBe('malformed at 0');
  });

  it('constrains no names of its own, nor of those above it', async () => {
    const own = { ...elsewhere, nameConstraints };
    expect(check(await rollover({ old: elsewhere, middle: own }))).toBe('valid');
  });

  it('constrains the names of a leaf that bears the name of its issuer', async () => {
    const leaf = { ...elsewhere, commonName: 'Middle' };
    expect(check(await rollover({ old: { nameConstraints }, leaf }))).toBe('forbidden at 0');
  });
});

describe('who may have issued a certificate', () => {
  it('is told by names and key identifiers, which prove nothing', () => {
    const [below, above, other, twin] = [middle, root, leaf, stranger].map(parsed) as [
      X509Certificate,
      X509Certificate,
      X509Certificate,
      X509Certificate,
    ];
    expect([bearsName(above, below), mayHaveIssued(above, below), pointsTo(below, above)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([bearsName(other, below), mayHaveIssued(other, below), pointsTo(below, other)]).toEqual([
      false,
      false,
      false,
    ]);
    expect([bearsName(twin, below), mayHaveIssued(twin, below), pointsTo(below, twin)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is left to Node where a certificate cannot be read, so that the path is refused for that', async () => {
    const broken = await intermediate(root, { commonName: 'Broken', ...unreadable });
    const below = parsed(await issue(broken, { dnsNames: [host] }));
    for (const [issuer, certificate] of [
      [parsed(broken), below],
      [parsed(root), parsed(broken)],
    ] as const) {
      expect(bearsName(issuer, certificate)).toBe(false);
      expect(mayHaveIssued(issuer, certificate)).toBe(true);
      expect(pointsTo(certificate, issuer)).toBe(false);
    }
    expect(mayHaveIssued(parsed(broken), parsed(leaf))).toBe(false);
  });

  it('is not told by key identifiers where there are none', async () => {
    const silent = await createCa({ keyIdentifiers: 'absent' });
    const below = await issue(silent, { keyIdentifiers: 'absent' });
    expect(pointsTo(parsed(below), parsed(silent))).toBe(false);
  });
});
