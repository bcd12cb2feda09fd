import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import fc from 'fast-check';
import { selfSigned, type CertificateOptions } from '../../haraka-test-harness/pki';
import { dnsIdsBelow, dnsNames, matchesDnsId, presentedNames, sanMatches } from '../../src/x509/names';

it.each([
  ['mx.example.com', 'mx.example.com', true],
  ['MX.Example.COM', 'mx.example.com', true],
  ['mx.example.com.', 'mx.example.com', false],
  ['mx.example.org', 'mx.example.com', false],
  ['example.com', 'mx.example.com', false],
  ['*.example.com', 'mx.example.com', true],
  ['*.example.com', 'a.mx.example.com', false],
  ['*.example.com', 'example.com', false],
  ['*.com', 'example.com', false],
  ['*', 'localhost', false],
  ['*.', 'localhost', false],
  ['m*.example.com', 'mx.example.com', false],
  ['*x.example.com', 'mx.example.com', false],
  ['mx.*.com', 'mx.example.com', false],
  ['*.*.com', 'mx.example.com', false],
  ['', 'mx.example.com', false],
  ['mx.example.com\0.evil.example', 'mx.example.com', false],
  ['*.xn--bcher-kva.example', 'mx.xn--bcher-kva.example', true],
])('%j covers %s: %s', (pattern, name, covered) => {
  expect(matchesDnsId(pattern, name)).toBe(covered);
});

it('a name covers only itself, a wildcard only what has its tail', () => {
  const name = fc.stringMatching(/^[a-z]{1,3}(\.[a-z]{1,3}){0,3}$/);
  fc.assert(
    fc.property(name, name, fc.boolean(), (one, other, wild) => {
      const pattern = wild ? `*.${one}` : one;
      const tail = other.slice(other.indexOf('.') + 1);
      const expected = wild ? other.includes('.') && tail === one && one.includes('.') : one === other;
      expect(matchesDnsId(pattern, other)).toBe(expected);
    }),
  );
});

async function certificate(options: CertificateOptions): Promise<X509Certificate> {
  return new X509Certificate((await selfSigned(options)).certPem);
}

it('the common name counts for nobody but usage 2, and there only without any DNS-ID', async () => {
  const bare = await certificate({ commonName: 'mx.example.com' });
  const both = await certificate({ commonName: 'mx.example.com', dnsNames: ['a.example'] });
  const address = await certificate({ commonName: 'mx.example.com', ipAddresses: ['192.0.2.1'] });
  expect([bare, both, address].map((one) => sanMatches(one, 'mx.example.com'))).toEqual([
    false,
    false,
    false,
  ]);
  expect([bare, both, address].map(presentedNames)).toEqual([
    ['mx.example.com'],
    ['a.example'],
    ['mx.example.com'],
  ]);
  expect(dnsNames(both)).toEqual({ dnsIds: ['a.example'], commonNames: ['mx.example.com'] });
});

it.each([
  ['mx.example.com', true],
  ['a.b.example.com', true],
  ['*.example.com', true],
  ['*.mx.example.com', true],
  ['example.com', false],
  ['badexample.com', false],
  ['f*.example.com', false],
  ['.example.com', false],
  ['*.com', false],
  ['mx.example.com.', false],
  ['b\u00fccher.example.com', false],
  ['mx 1.example.com', false],
])('%s lies below example.com: %s', async (dnsName, below) => {
  const ids = dnsIdsBelow(await certificate({ dnsNames: ['x.test', dnsName] }), 'example.com');
  expect(ids).toEqual(below ? [dnsName.toLowerCase()] : []);
});
