import { createSecureContext, getCiphers } from 'node:tls';
import { describe, expect, it, test } from 'vitest';
import { cipherList, type CipherTerms } from '../../src/tls/ciphers';
import { encrypts } from '../../src/tls/encrypts';
import { nullCiphersOf } from '../../src/tls/null_ciphers';

const plain: CipherTerms = { securityLevel: 1, certificate: 'none' };

describe('the security level', () => {
  test.each([
    ['', 2, '2'],
    ['', 1, '1'],
    ['', 0, '0'],
    // What tls.ini says for the sake of old clients of Haraka's own server.
    ['DEFAULT@SECLEVEL=0', 1, '1'],
    ['DEFAULT:@SECLEVEL=1', 2, '2'],
    // What the operator raised stays; as with OpenSSL, the last one counts.
    ['HIGH:@SECLEVEL=2', 0, '2'],
    ['@SECLEVEL=3:HIGH', 1, '3'],
    ['HIGH:@SECLEVEL=3:@SECLEVEL=0', 1, '1'],
  ] as const)('with %j in tls.ini where %i is ours is %s', (configured, securityLevel, expected) => {
    const { ciphers } = cipherList(configured, { ...plain, securityLevel });
    expect(ciphers.match(/@SECLEVEL=\d/g)).toEqual([`@SECLEVEL=${expected}`]);
  });
});

test.each([
  ['', 'any', /^TLS_AES_256_GCM_SHA384:.*:ECDHE-RSA-AES256-GCM-SHA384:.*:!eNULL:@SECLEVEL=1$/],
  ['HIGH', 'any', /^TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:HIGH:!eNULL:/],
  ['HIGH,MEDIUM LOW;!RC4', 'any', /:HIGH:MEDIUM:LOW:!RC4:!eNULL:/],
  ['TLS_AES_128_GCM_SHA256:AES128-SHA', 'any', /^TLS_AES_128_GCM_SHA256:AES128-SHA:!eNULL:/],
  ['TLS_AES_128_GCM_SHA256', 'only_1.3', /^TLS_AES_128_GCM_SHA256:ECDHE/],
  ['TLS_SHA256_SHA256', 'any', /^TLS_AES_256_GCM_SHA384:/],
  ['TLS_SHA384_SHA384,TLS_AES_128_CCM_SHA256', 'only_1.3', /^TLS_AES_128_CCM_SHA256:ECDHE/],
] as const)('%j in tls.ini leaves %s', (configured, versions, expected) => {
  const list = cipherList(configured, plain);
  expect(list).toEqual({ ciphers: expect.stringMatching(expected), versions });
  expect(list.ciphers).not.toMatch(/TLS_SHA\d/);
});

test.each([
  ['enforced', '!aNULL'],
  ['observed', '+aNULL'],
] as const)('where a certificate is %s, anonymous suites stand as %s', (certificate, expected) => {
  expect(cipherList('ALL', { ...plain, certificate }).ciphers).toContain(`:ALL:!eNULL:${expected}:`);
});

test('where nobody looks at a certificate, anonymous suites are what tls.ini says', () => {
  expect(cipherList('ALL', plain).ciphers).toMatch(/:ALL:!eNULL:@SECLEVEL=1$/);
});

describe('a cipher', () => {
  const nulls = (name: string) => /null|^tls_sha/i.test(name);

  it.each(getCiphers().map((name) => [name.toUpperCase()]))('%s that OpenSSL knows is told', (name) => {
    expect(encrypts(name)).toBe(!nulls(name));
  });

  test.each([
    ['TLS_AES_128_GCM_SHA256', true],
    ['TLS_RSA_WITH_3DES_EDE_CBC_SHA', true],
    ['ECDHE-ECDSA-CHACHA20-POLY1305', true],
    ['GOST2012-KUZNYECHIK-KUZNYECHIKOMAC', true],
    ['TLS_RSA_WITH_NULL_SHA256', false],
    ['ECDHE-RSA-NULL-SHA', false],
    ['AECDH-NULL-SHA', false],
    ['TLS_SHA256_SHA256', false],
    ['TLS_SHA384_SHA384', false],
    ['GOST2012-NULL-GOST12', false],
    ['unheard of', false],
    ['', false],
  ])('%j encrypts: %s', (name, expected) => {
    expect(encrypts(name)).toBe(expected);
  });
});

describe('ciphers without encryption', () => {
  test.each([
    ['', []],
    ['HIGH', []],
    ['ALL', []],
    ['DEFAULT@SECLEVEL=0', []],
    ['ALL:!eNULL', []],
    // DEFAULT removes them for good.
    ['DEFAULT:eNULL@SECLEVEL=0', []],
    ['eNULL:!eNULL', []],
    ['ALL:eNULL:!NULL', []],
    ['TLS_AES_128_GCM_SHA256', []],
    ['what OpenSSL does not take', []],
    ['eNULL', ['eNULL']],
    ['NULL', ['eNULL']],
    ['ALL:eNULL@SECLEVEL=0', ['eNULL']],
    ['COMPLEMENTOFALL', ['eNULL']],
    ['HIGH,ECDHE-RSA-NULL-SHA', ['eNULL']],
    ['HIGH NULL-SHA256', ['eNULL']],
    ['TLS_SHA256_SHA256:HIGH', ['TLS_SHA256_SHA256']],
    ['TLS_SHA256_SHA256,eNULL', ['eNULL', 'TLS_SHA256_SHA256']],
  ])('of %j are %j, and none is ever offered', (configured, expected) => {
    expect(nullCiphersOf(configured)).toEqual(expected);
    const { ciphers } = cipherList(configured, { securityLevel: 0, certificate: 'none' });
    expect(nullCiphersOf(ciphers)).toEqual([]);
  });
});

test('the list of our own is taken by OpenSSL at each level', () => {
  for (const securityLevel of [0, 1, 2] as const) {
    const { ciphers } = cipherList('', { securityLevel, certificate: 'enforced' });
    expect(() => createSecureContext({ ciphers, minVersion: 'TLSv1' })).not.toThrow();
  }
});
