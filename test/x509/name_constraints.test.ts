import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createCa, issue, tlv } from '../../haraka-test-harness/pki';
import { readCertificate } from '../../src/x509/certificate';
import type { CertificateFields, GeneralName, NameConstraints } from '../../src/x509/certificate';
import { Effort } from '../../src/x509/effort';
import { checkNameConstraints } from '../../src/x509/name_constraints';
import type { Position } from '../../src/x509/name_constraints';

let certificate: CertificateFields;
beforeAll(async () => {
  const { certDer } = await issue(await createCa(), {});
  const result = readCertificate(new X509Certificate(certDer));
  if (result.kind !== 'fields') throw new Error(result.text);
  certificate = result.fields;
});

const oids = { cn: '0603550403', o: '060355040a', email: '06092a864886f70d010901' } as const;

/** An RDNSequence of one attribute each. */
function subject(...attributes: [type: keyof typeof oids, text: string][]): Buffer {
  const rdns = attributes.map(([type, text]) =>
    tlv(0x31, tlv(0x30, Buffer.from(oids[type], 'hex'), tlv(0x0c, Buffer.from(text)))),
  );
  return tlv(0x30, ...rdns);
}

/** `dns:mx.example.com`, `ip:c0000201` in hexadecimal, `directory:Organization`, `other:<tag>`. */
function name(text: string): GeneralName {
  const colon = text.indexOf(':');
  const [kind, value] = [text.slice(0, colon), text.slice(colon + 1)];
  switch (kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return { kind, value };
    case 'ip':
      return { kind, value: Buffer.from(value, 'hex') };
    case 'directory':
      return { kind, value: subject(['o', value]) };
    default:
      return { kind: 'other', tag: Number(value) };
  }
}

function check(
  constraints: Partial<NameConstraints>,
  changes: Partial<CertificateFields>,
  position: Position = 'leaf',
): string {
  const fields = { ...certificate, subject: subject(), subjectAltNames: [], ...changes };
  const { permitted = [], excluded = [] } = constraints;
  return checkNameConstraints({ permitted, excluded }, fields, position, new Effort()).kind;
}

/** One constraint, and names that are within its subtree and not. */
const subtrees: [base: string, within: string[], outside: string[]][] = [
  [
    'dns:example.com',
    [
      'dns:example.com',
      'dns:mx.example.com',
      'dns:a.b.example.com',
      'dns:MX.Example.COM',
      'dns:*.example.com',
    ],
    ['dns:example.org', 'dns:xexample.com', 'dns:com', 'dns:example.com.org'],
  ],
  ['dns:EXAMPLE.com', ['dns:mx.example.com'], ['dns:example.org']],
  ['dns:.example.com', ['dns:mx.example.com'], ['dns:example.com', 'dns:xexample.com']],
  ['dns:', ['dns:example.com'], []],
  [
    'email:Info@Example.com',
    ['email:Info@example.com', 'email:Info@EXAMPLE.COM'],
    ['email:info@example.com', 'email:x@example.com', 'email:xInfo@example.com', 'email:Info@mx.example.com'],
  ],
  [
    'email:Example.com',
    ['email:a@example.com', 'email:A@EXAMPLE.com', 'email:"a@b"@example.com'],
    [
      'email:a@mx.example.com',
      'email:a@xexample.com',
      'email:a@example.org',
      'email:example.com@example.org',
    ],
  ],
  [
    'email:.example.com',
    ['email:a@mx.example.com', 'email:a@x.mx.EXAMPLE.com'],
    ['email:a@example.com', 'email:a@xexample.com'],
  ],
  ['email:', ['email:a@example.com'], []],
  [
    'uri:example.com',
    [
      'uri:https://example.com',
      'uri:https://example.com/a?b#c',
      'uri:HTTPS://EXAMPLE.COM:8443/',
      'uri:https://user:password@example.com/',
      'uri:https://example.com?@example.org',
    ],
    [
      'uri:https://mx.example.com/',
      'uri:https://example.org/example.com',
      'uri:https://example.com@example.org/',
    ],
  ],
  [
    'uri:.Example.com',
    ['uri:https://mx.example.com/'],
    ['uri:https://example.com/', 'uri:https://xexample.com/'],
  ],
  ['uri:', ['uri:https://example.com/'], []],
  [
    'ip:c0000200ffffff00',
    ['ip:c0000200', 'ip:c00002ff'],
    ['ip:c0000300', 'ip:c1000200', 'ip:c00002', 'ip:20010db8000000000000000000000001'],
  ],
  ['ip:c0000280ffffff80', ['ip:c0000281'], ['ip:c0000201']],
  ['ip:0000000000000000', ['ip:c0000201'], []],
  [
    'ip:20010db8000000000000000000000000ffffffff000000000000000000000000',
    ['ip:20010db8000000000000000000000001'],
    ['ip:20010db9000000000000000000000001', 'ip:c0000201'],
  ],
  // Neither an address and a mask of four octets, nor of sixteen.
  ['ip:c0000200', [], ['ip:c0000200', 'ip:c000']],
  ['ip:c000ff00', [], ['ip:c000']],
  [
    'directory:Example',
    ['directory:Example', 'directory: example'],
    ['directory:Example Ltd', 'directory:Exam'],
  ],
];

test.each(subtrees)('%s permits %j alone, and excludes no others than these: %j', (base, within, outside) => {
  for (const [names, permits, excludes] of [
    [within, 'allowed', 'violated'],
    [outside, 'violated', 'allowed'],
  ] as const) {
    for (const text of names) {
      const subjectAltNames = [name(text)];
      expect([text, check({ permitted: [name(base)] }, { subjectAltNames })]).toEqual([text, permits]);
      expect([text, check({ excluded: [name(base)] }, { subjectAltNames })]).toEqual([text, excludes]);
    }
  }
});

describe('a name', () => {
  const org = name('dns:example.org');
  const com = name('dns:example.com');
  const mx = name('dns:mx.example.com');

  it('is in one permitted subtree, and in no excluded one', () => {
    expect(check({ permitted: [org, com] }, { subjectAltNames: [mx] })).toBe('allowed');
    expect(check({ permitted: [com], excluded: [org] }, { subjectAltNames: [mx] })).toBe('allowed');
    expect(check({ permitted: [com], excluded: [org, mx] }, { subjectAltNames: [mx] })).toBe('violated');
  });

  it('does not vouch for another', () => {
    expect(check({ permitted: [com] }, { subjectAltNames: [mx, org] })).toBe('violated');
    expect(check({ permitted: [com] }, { subjectAltNames: [org, mx] })).toBe('violated');
  });

  it('is not concerned by constraints on names of other kinds', () => {
    const subjectAltNames = [mx, name('other:0')];
    const permitted = [name('email:example.org'), name('ip:c0000200ffffff00'), name('other:8')];
    expect(check({ permitted, excluded: [name('uri:')] }, { subjectAltNames })).toBe('allowed');
  });

  it('of a kind that is not understood is not allowed where its kind is constrained', () => {
    const subjectAltNames = [name('other:8')];
    expect(check({ permitted: [name('other:8')] }, { subjectAltNames })).toBe('violated');
    expect(check({ excluded: [name('other:8')] }, { subjectAltNames })).toBe('violated');
  });

  it.each([
    'uri:urn:example.org',
    'uri:mailto:a@example.org',
    'uri:https:///',
    'uri:https://192.0.2.1/',
    'uri:https://[::1]/',
    'uri:https://a@b@example.com/',
  ])('that is a URI without the name of a host (%s) is not allowed where URIs are constrained', (text) => {
    const subjectAltNames = [name(text)];
    expect(check({ permitted: [name('uri:')] }, { subjectAltNames })).toBe('violated');
    expect(check({ excluded: [name('uri:example.com')] }, { subjectAltNames })).toBe('violated');
    expect(check({ excluded: [com] }, { subjectAltNames })).toBe('allowed');
  });
});

describe('the subject', () => {
  it('is a directory name, unless it is empty', () => {
    const permitted = [name('directory:Example')];
    expect(check({ permitted }, { subject: subject(['o', 'Example'], ['cn', 'mx']) })).toBe('allowed');
    expect(check({ permitted }, { subject: subject(['cn', 'mx'], ['o', 'Example']) })).toBe('violated');
    expect(check({ permitted }, { subject: subject() })).toBe('allowed');
    expect(check({ excluded: permitted }, { subject: subject(['o', 'Example'], ['cn', 'mx']) })).toBe(
      'violated',
    );
  });

  it('may hold an e-mail address, which is one', () => {
    const permitted = [name('email:example.com')];
    expect(check({ permitted }, { subject: subject(['email', 'a@example.com']) })).toBe('allowed');
    expect(check({ permitted }, { subject: subject(['email', 'a@example.org']) })).toBe('violated');
  });

  const permitted = [name('dns:example.com')];
  it.each([
    ['mx.example.org', 'violated'],
    ['*.example.org', 'violated'],
    ['mx.example.com', 'allowed'],
    ['MX.EXAMPLE.ORG', 'violated'],
    ['Mail Service', 'allowed'],
    ['see mx.example.org', 'allowed'],
    ['mx.example.org (old)', 'allowed'],
    ['localhost', 'allowed'],
  ])('of a leaf without a DNS-ID is for the host that its common name names: %s is %s', (text, expected) => {
    const named = { subject: subject(['cn', text]) };
    expect(check({ permitted }, named)).toBe(expected);
    expect(check({ permitted }, { ...named, subjectAltNames: [name('dns:mx.example.com')] })).toBe('allowed');
    expect(check({ permitted }, named, 'ca')).toBe('allowed');
  });

  it('or a directory name in a constraint that cannot be read is neither allowed nor violated', () => {
    const broken = { kind: 'directory', value: Buffer.from('3005ff', 'hex') } as const;
    expect(check({ permitted: [broken] }, { subjectAltNames: [name('directory:Example')] })).toBe(
      'malformed',
    );
    expect(check({ permitted }, { subject: broken.value })).toBe('malformed');
  });
});
