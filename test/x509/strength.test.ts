import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tlv } from '../../haraka-test-harness/pki';
import { hasCurveSpeltOut, judgeKey, keyStrength, signatureStrength } from '../../src/x509/strength';

/** An object identifier, DER. */
function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let more = Math.floor(arc / 128); more > 0; more = Math.floor(more / 128)) {
      groups.unshift((more & 0x7f) | 0x80);
    }
    return groups;
  });
  return tlv(0x06, Buffer.from(octets));
}

const bitString = (content: Buffer) => tlv(0x03, Buffer.from([0]), content);
const spki = (kind: string, parameters: Buffer, key: Buffer = Buffer.alloc(32)) =>
  tlv(0x30, tlv(0x30, oid(kind), parameters), bitString(key));
const nothing = Buffer.alloc(0);
const rsa = '1.2.840.113549.1.1.1';
const ec = '1.2.840.10045.2.1';
const p256 = oid('1.2.840.10045.3.1.7');

/** An RSA key whose modulus begins with the octets given, and has as many as given. */
function rsaKey(leading: string, octets: number): Buffer {
  const modulus = Buffer.alloc(octets, 0xff);
  Buffer.from(leading, 'hex').copy(modulus);
  return spki(rsa, nothing, tlv(0x30, tlv(0x02, modulus), Buffer.from('0203010001', 'hex')));
}

describe('a key', () => {
  const curves = [
    'secp224r1',
    'prime256v1',
    'secp384r1',
    'secp521r1',
    'secp256k1',
    'brainpoolP256r1',
    'brainpoolP320r1',
    'brainpoolP384r1',
    'brainpoolP512r1',
  ];
  it.each<[kind: string, generate: () => { readonly publicKey: KeyObject }]>([
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['RSA-PSS', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
    ['Ed25519', () => generateKeyPairSync('ed25519')],
    ['Ed448', () => generateKeyPairSync('ed448')],
    ...curves.map((namedCurve): [string, () => { readonly publicKey: KeyObject }] => [
      namedCurve,
      () => generateKeyPairSync('ec', { namedCurve }),
    ]),
  ])('of kind %s is sound, and worth a check', (_kind, generate) => {
    const info = generate().publicKey.export({ type: 'spki', format: 'der' });
    expect(judgeKey(info)).toMatchObject({ strength: { kind: 'sound' }, cost: { kind: 'units' } });
    expect(hasCurveSpeltOut(info)).toBe(false);
  });

  it.each(['17', '18', '19'])('of kind ML-DSA (%s) is sound', (last) => {
    const info = spki(`2.16.840.1.101.3.4.3.${last}`, nothing);
    expect(judgeKey(info)).toMatchObject({ strength: { kind: 'sound' }, cost: { kind: 'units' } });
  });

  it.each([
    ['2048 bits', rsaKey('00ff', 257), 'sound'],
    ['2048 bits, of which some are zero', rsaKey('0000ff', 257), 'sound'],
    ['2041 bits', rsaKey('01', 256), 'sound'],
    ['2040 bits', rsaKey('0080', 256), 'sound'],
    ['2039 bits', rsaKey('007f', 256), 'weak'],
    ['1024 bits', rsaKey('00ff', 129), 'weak'],
    ['no bits', rsaKey('00', 1), 'weak'],
  ])('of RSA with %s is %s', (_bits, info, expected) => {
    expect(keyStrength(info).kind).toBe(expected);
  });

  it.each([
    ['on a weak curve', spki(ec, oid('1.2.840.10045.3.1.1')), 'weak'],
    ['on no curve', spki(ec, nothing), 'weak'],
    ['on a curve spelt out', spki(ec, tlv(0x30, Buffer.from('020101', 'hex'))), 'weak'],
    ['on a curve of which the name is cut', spki(ec, Buffer.from('0601ff', 'hex')), 'weak'],
    ['of RSA without a modulus', spki(rsa, nothing, tlv(0x30)), 'weak'],
    ['that is no key', Buffer.from('0500', 'hex'), 'weak'],
    ['that is nothing', nothing, 'weak'],
    ['of another kind', spki('1.3.101.110', nothing), 'unknown'],
  ])('%s is not sound, and signatures with it are not checked', (_what, info, expected) => {
    expect(judgeKey(info)).toMatchObject({ strength: { kind: expected }, cost: { kind: 'excessive' } });
  });
});

it.each([
  ['a curve spelt out', spki(ec, tlv(0x30, Buffer.from('020101', 'hex'))), true],
  ['a curve with a name', spki(ec, p256), false],
  ['no parameters', spki(ec, nothing), false],
  ['parameters of another kind of key', spki(rsa, tlv(0x30)), false],
  ['what cannot be read', Buffer.from('3005ff', 'hex'), false],
])('%s: the curve is spelt out: %s', (_what, info, expected) => {
  expect(hasCurveSpeltOut(info)).toBe(expected);
});

describe('a signature', () => {
  const sha = { one: '1.3.14.3.2.26', 256: '2.16.840.1.101.3.4.2.1', 512: '2.16.840.1.101.3.4.2.3' };
  /** RFC 4055: the digest, the mask, and the length of the salt, each of which may be left out. */
  const pss = (digest?: string) => {
    const mask = tlv(0xa1, tlv(0x30, oid('1.2.840.113549.1.1.8'), tlv(0x30, oid(sha[256]))));
    const list = digest === undefined ? [mask] : [tlv(0xa0, tlv(0x30, oid(digest))), mask];
    return tlv(0x30, oid('1.2.840.113549.1.1.10'), tlv(0x30, ...list));
  };
  const plain = (text: string) => tlv(0x30, oid(text), Buffer.from('0500', 'hex'));

  it.each([
    ['RSA with SHA-224', plain('1.2.840.113549.1.1.14')],
    ['RSA with SHA-256', plain('1.2.840.113549.1.1.11')],
    ['RSA with SHA-384', plain('1.2.840.113549.1.1.12')],
    ['RSA with SHA-512', plain('1.2.840.113549.1.1.13')],
    ['ECDSA with SHA-224', plain('1.2.840.10045.4.3.1')],
    ['ECDSA with SHA-256', plain('1.2.840.10045.4.3.2')],
    ['ECDSA with SHA-384', plain('1.2.840.10045.4.3.3')],
    ['ECDSA with SHA-512', plain('1.2.840.10045.4.3.4')],
    ['Ed25519', tlv(0x30, oid('1.3.101.112'))],
    ['Ed448', tlv(0x30, oid('1.3.101.113'))],
    ['ML-DSA', tlv(0x30, oid('2.16.840.1.101.3.4.3.18'))],
    ['RSA-PSS with SHA-256', pss(sha[256])],
    ['RSA-PSS with SHA-512', pss(sha[512])],
  ])('of %s is sound', (_what, algorithm) => {
    expect(signatureStrength(algorithm)).toEqual({ kind: 'sound' });
  });

  it.each([
    ['RSA with MD5', plain('1.2.840.113549.1.1.4')],
    ['RSA with SHA-1', plain('1.2.840.113549.1.1.5')],
    ['ECDSA with SHA-1', plain('1.2.840.10045.4.1')],
    ['DSA with SHA-1', plain('1.2.840.10040.4.3')],
    ['RSA-PSS with SHA-1', pss(sha.one)],
    ['RSA-PSS with SHA-1, which is what is meant where no digest is named', pss()],
    [
      'RSA-PSS with SHA-1, which is what is meant where nothing is named',
      tlv(0x30, oid('1.2.840.113549.1.1.10')),
    ],
    ['what is not known', plain('1.2.3.4')],
    ['what cannot be read', Buffer.from('3005ff', 'hex')],
    ['RSA-PSS with what cannot be read', tlv(0x30, oid('1.2.840.113549.1.1.10'), Buffer.from('0500', 'hex'))],
  ])('of %s proves nothing', (_what, algorithm) => {
    expect(signatureStrength(algorithm).kind).toBe('weak');
  });
});
