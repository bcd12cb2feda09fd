import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createCa, issue, tlv } from '../../haraka-test-harness/pki';
import {
  readCertificate,
  type CertificateFields,
  type GeneralName,
  type NameConstraints,
} from '../../src/x509/certificate';
import { WorkBudget } from '../../src/x509/work_budget';
import { checkNameConstraints, permitsReference } from '../../src/x509/name_constraints';
import type { Position } from '../../src/x509/constraint_result';

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
  return checkNameConstraints({ permitted, excluded }, fields, position, new WorkBudget()).kind;
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

describe('an excluded name', { tags: ['regression'] }, () => {
  const excludes = (base: string, host: string) =>
    check({ excluded: [name(base)] }, { subjectAltNames: [name(host)] }) === 'violated';

  it.each([
    [
      'dns:bad.example.',
      ['dns:bad.example', 'dns:mx.bad.example', 'dns:*.bad.example'],
      ['dns:mx.good.example'],
    ],
    ['dns:.bad.example.', ['dns:mx.bad.example'], ['dns:bad.example']],
    [
      'dns:*.bad.example',
      ['dns:mx.bad.example', 'dns:a.b.bad.example', 'dns:*.bad.example'],
      ['dns:bad.example'],
    ],
    ['dns:*.BAD.example.', ['dns:mx.bad.example'], ['dns:bad.example', 'dns:xbad.example']],
    ['dns:bad.example', ['dns:mx.bad.example.', 'dns:bad.example.'], ['dns:xbad.example.']],
    ['dns:10.0.0.1', [], ['dns:mx.good.example']],
    ['email:bad.example.', ['email:a@bad.example', 'email:a@bad.example.'], ['email:a@mx.bad.example']],
    ['email:*.bad.example', ['email:a@mx.bad.example'], ['email:a@bad.example']],
    ['email:a@bad.example.', ['email:a@bad.example'], ['email:b@bad.example']],
    [
      'uri:bad.example.',
      ['uri:https://bad.example/', 'uri:https://bad.example./'],
      ['uri:https://mx.bad.example/'],
    ],
    ['uri:*.bad.example', ['uri:https://mx.bad.example/'], ['uri:https://bad.example/']],
  ])('%s is read as it was meant: without %j, with %j', (base, inside, outside) => {
    for (const host of inside) expect([host, excludes(base, host)]).toEqual([host, true]);
    for (const host of outside) expect([host, excludes(base, host)]).toEqual([host, false]);
  });

  it.each([
    ['dns:.', 'dns:mx.good.example'],
    ['dns:*', 'dns:mx.good.example'],
    ['dns:*.', 'dns:mx.good.example'],
    ['dns:..', 'dns:mx.good.example'],
    ['dns:bad..example', 'dns:mx.good.example'],
    ['dns:bad.example..', 'dns:mx.good.example'],
    ['dns:..bad.example', 'dns:mx.good.example'],
    ['dns:*bad.example', 'dns:mx.good.example'],
    ['dns:m*.bad.example', 'dns:mx.good.example'],
    ['dns:mx.*.example', 'dns:mx.good.example'],
    ['dns: bad.example', 'dns:mx.good.example'],
    ['dns:bad.example\0', 'dns:mx.good.example'],
    ['dns:https://bad.example', 'dns:mx.good.example'],
    ['dns:10.0.0.0/8', 'dns:mx.good.example'],
    ['email:*', 'email:a@good.example'],
    ['email:a@', 'email:a@good.example'],
    ['email:a@.bad.example', 'email:a@good.example'],
    ['email:bad..example', 'email:a@good.example'],
    ['uri:https://bad.example/', 'uri:https://good.example/'],
    // Neither an address and a mask of four octets, nor of sixteen.
    ['ip:c0000200', 'ip:c0000200'],
    ['ip:c000ff00', 'ip:c0000201'],
    ['ip:', 'ip:c0000201'],
  ])('%s that cannot be understood excludes all of its kind, and no other kind', (base, host) => {
    expect(excludes(base, host)).toBe(true);
    expect(excludes(base, base.startsWith('dns') ? 'email:a@good.example' : 'dns:mx.good.example')).toBe(
      false,
    );
  });

  it.each(['dns:good.example.', 'dns:*.good.example', 'dns:*', 'ip:c0000201'])(
    'permits nothing by being written oddly: %s',
    (base) => {
      const subjectAltNames = [name(base.startsWith('ip') ? 'ip:c0000201' : 'dns:mx.good.example')];
      expect(check({ permitted: [name(base)] }, { subjectAltNames })).toBe('violated');
    },
  );
});

describe('the name that a peer is asked for', { tags: ['regression'] }, () => {
  const permits = (constraints: { permitted?: string[]; excluded?: string[] }, reference: string) => {
    const { permitted = [], excluded = [] } = constraints;
    const names = { permitted: permitted.map(name), excluded: excluded.map(name) };
    return permitsReference(names, reference, new WorkBudget());
  };

  it.each([
    [{ excluded: ['dns:mx.bank.example'] }, false, true],
    [{ excluded: ['dns:mx.bank.example.'] }, false, true],
    [{ excluded: ['dns:*.mx.bank.example'] }, true, true],
    [{ excluded: ['dns:bank.example'] }, false, false],
    [{ excluded: ['dns:.bank.example'] }, false, false],
    [{ excluded: ['dns:*.bank.example'] }, false, false],
    [{ excluded: ['dns:m*.bank.example'] }, false, false],
    [{ excluded: ['dns:'] }, false, false],
    [{ excluded: ['email:mx.bank.example', 'uri:mx.bank.example', 'ip:0000000000000000'] }, true, true],
    [{ permitted: ['dns:mx.bank.example'] }, true, false],
    [{ permitted: ['dns:bank.example'] }, true, true],
    [{ permitted: ['dns:*.bank.example'] }, true, true],
    [{ permitted: ['dns:bank.example.'] }, true, true],
    [{ permitted: ['dns:*k.example'] }, false, false],
    [{ permitted: ['dns:other.example'] }, false, false],
    [{ permitted: ['email:other.example'] }, true, true],
    [{ permitted: ['dns:bank.example'], excluded: ['dns:mx.bank.example'] }, false, true],
  ])('%j: mx.bank.example %s, mail.bank.example %s', (constraints, mx, mail) => {
    expect(permits(constraints, 'mx.bank.example')).toBe(mx);
    expect(permits(constraints, 'mail.bank.example')).toBe(mail);
  });

  it('is never refused where the certificate names it itself and passes, nor taken where it is excluded', () => {
    const label = fc.constantFrom('a', 'b', 'mx', '*', 'm*', '', '-', 'A');
    const base = fc.array(label, { minLength: 0, maxLength: 4 }).map((labels) => `dns:${labels.join('.')}`);
    const host = fc.array(fc.constantFrom('a', 'b', 'mx'), { minLength: 1, maxLength: 4 });
    const bases = fc.array(base, { maxLength: 3 });
    fc.assert(
      fc.property(bases, bases, host, (permitted, excluded, labels) => {
        const reference = labels.join('.');
        const names = { permitted: permitted.map(name), excluded: excluded.map(name) };
        const itself = check(names, { subjectAltNames: [name(`dns:${reference}`)] }) === 'allowed';
        const asReference = permitsReference(names, reference, new WorkBudget());
        if (itself) expect(asReference).toBe(true);
        // A constraint that excludes the name itself excludes it behind every wildcard.
        if (
          check({ excluded: names.excluded }, { subjectAltNames: [name(`dns:${reference}`)] }) === 'violated'
        ) {
          expect(asReference).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
