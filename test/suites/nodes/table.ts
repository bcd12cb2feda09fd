/** Peers, and what must come of everything that is asked of them, on every Node. */
import type { CertificateKind } from './certificates';
import { columns, type Column } from './columns';
import { dhParameters } from './dh_parameters';
import type { PeerSpec } from './peers';

/** The TLS version, how the peer was authenticated, and in brackets what was recorded; or the reason why not. */
export type Outcomes = Readonly<Record<Column, string>>;

export interface PeerRow {
  readonly name: string;
  readonly certificate: CertificateKind;
  readonly tls: Partial<Omit<PeerSpec, 'chainPem' | 'keyPem'>>;
  readonly expected: Outcomes;
}

/** Everything is met. */
function met(version: string): Outcomes {
  return {
    opportunistic: `${version} unauthenticated`,
    testing: `${version} pkix`,
    mandatory: `${version} unauthenticated`,
    'mandatory 1.0': `${version} unauthenticated`,
    verify: `${version} pkix`,
    enforce: `${version} pkix`,
    fingerprint: `${version} fingerprint`,
    'dane 3 1 1': `${version} dane 3 1 1`,
    'dane 3 1 1, 1.0': `${version} dane 3 1 1`,
    'dane 2 0 1': `${version} dane 2 0 1`,
    'dane and enforce': `${version} dane 3 1 1 and pkix`,
  };
}

function refused(reason: string): Outcomes {
  return Object.fromEntries(columns.map((column) => [column, reason])) as Record<Column, string>;
}

/** Only where 1.0 is admitted. */
function oldTls(version: string, leaf: 'strong' | 'weak'): Outcomes {
  return {
    ...refused('tls-version-too-low'),
    opportunistic: `${version} unauthenticated`,
    testing: `${version} unauthenticated (tls-version-too-low)`,
    'mandatory 1.0': `${version} unauthenticated`,
    'dane 3 1 1, 1.0': leaf === 'strong' ? `${version} dane 3 1 1` : 'validation-failure',
  };
}

/** The chain is refused, which is recorded where it is only observed. */
function weakChain(version: string): Partial<Outcomes> {
  return {
    testing: `${version} unauthenticated (validation-failure)`,
    verify: 'validation-failure',
    enforce: 'validation-failure',
    'dane and enforce': 'validation-failure',
  };
}

/** DANE refuses the key of the leaf by itself, as OpenSSL does at level 2. */
function weakLeaf(version: string): Outcomes {
  const dane = { 'dane 3 1 1': weak, 'dane 3 1 1, 1.0': weak, 'dane 2 0 1': weak };
  return { ...met(version), ...weakChain(version), ...dane };
}
const weak = 'validation-failure';

const noHandshake = 'tls-handshake-failed';

/** What is enough at level 1, or at 0, and not where a chain is verified. */
function notAtLevel2(version: string): Outcomes {
  return { ...met(version), verify: noHandshake, enforce: noHandshake, 'dane and enforce': noHandshake };
}

function onlyAtLevel0(version: string): Outcomes {
  const { opportunistic, testing, 'mandatory 1.0': mandatory, 'dane 3 1 1, 1.0': dane } = met(version);
  return {
    ...refused(noHandshake),
    opportunistic,
    testing,
    'mandatory 1.0': mandatory,
    'dane 3 1 1, 1.0': dane,
  };
}

const tls12 = { maxVersion: 'TLSv1.2' } as const;
const rsa = 'rsa-2048';

export const rows: readonly PeerRow[] = [
  { name: 'TLS 1.3, P-256', certificate: 'ec', tls: {}, expected: met('TLSv1.3') },
  { name: 'TLS 1.2, RSA 2048', certificate: rsa, tls: tls12, expected: met('TLSv1.2') },
  {
    name: 'TLS 1.1',
    certificate: rsa,
    tls: { maxVersion: 'TLSv1.1' },
    expected: oldTls('TLSv1.1', 'strong'),
  },
  { name: 'TLS 1.0', certificate: rsa, tls: { maxVersion: 'TLSv1' }, expected: oldTls('TLSv1', 'strong') },
  {
    name: 'TLS 1.0, leaf RSA 1024',
    certificate: 'leaf-1024',
    tls: { maxVersion: 'TLSv1' },
    expected: oldTls('TLSv1', 'weak'),
  },
  {
    name: 'DHE 1024',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'kDHE', dhParameters: dhParameters('1024 bits') },
    expected: notAtLevel2('TLSv1.2'),
  },
  {
    name: 'DHE 2048',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'kDHE', dhParameters: dhParameters('2048 bits') },
    expected: met('TLSv1.2'),
  },
  {
    name: 'RSA key exchange',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'kRSA' },
    expected: met('TLSv1.2'),
  },
  {
    name: 'handshake signed with SHA-1',
    certificate: rsa,
    tls: { ...tls12, sigalgs: 'RSA+SHA1' },
    expected: onlyAtLevel0('TLSv1.2'),
  },
  { name: 'leaf RSA 1024', certificate: 'leaf-1024', tls: {}, expected: weakLeaf('TLSv1.3') },
  { name: 'leaf RSA 1024, TLS 1.2', certificate: 'leaf-1024', tls: tls12, expected: weakLeaf('TLSv1.2') },
  {
    name: 'intermediate RSA 1024',
    certificate: 'intermediate-1024',
    tls: {},
    expected: { ...met('TLSv1.3'), ...weakChain('TLSv1.3'), 'dane 2 0 1': weak },
  },
  {
    name: 'root RSA 1024',
    certificate: 'root-1024',
    tls: {},
    expected: { ...met('TLSv1.3'), ...weakChain('TLSv1.3') },
  },
  {
    name: 'leaf signed with SHA-1',
    certificate: 'leaf-sha1',
    tls: {},
    expected: { ...met('TLSv1.3'), ...weakChain('TLSv1.3'), 'dane 2 0 1': weak },
  },
  {
    name: 'intermediate signed with SHA-1',
    certificate: 'intermediate-sha1',
    tls: {},
    expected: { ...met('TLSv1.3'), ...weakChain('TLSv1.3') },
  },
  { name: 'root signed with SHA-1', certificate: 'root-sha1', tls: {}, expected: met('TLSv1.3') },
  { name: 'P-521 certificate', certificate: 'p521', tls: {}, expected: met('TLSv1.3') },
  { name: 'P-521 certificate, TLS 1.2', certificate: 'p521', tls: tls12, expected: met('TLSv1.2') },
  { name: 'P-521 alone', certificate: 'p521', tls: { groups: 'P-521' }, expected: met('TLSv1.3') },
  { name: 'Ed25519 certificate', certificate: 'ed25519', tls: {}, expected: met('TLSv1.3') },
  {
    name: 'ffdhe2048 alone',
    certificate: 'ec',
    tls: { groups: 'ffdhe2048', minVersion: 'TLSv1.3' },
    expected: met('TLSv1.3'),
  },
  {
    name: 'ML-KEM preferred',
    certificate: 'ec',
    tls: { groups: 'X25519MLKEM768/X25519' },
    expected: met('TLSv1.3'),
  },
  {
    name: 'anonymous',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'aNULL', dhParameters: dhParameters('2048 bits') },
    expected: refused(noHandshake),
  },
  {
    name: 'anonymous preferred',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'aNULL:HIGH', dhParameters: dhParameters('2048 bits') },
    expected: met('TLSv1.2'),
  },
  {
    name: 'no encryption',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'eNULL' },
    expected: refused(noHandshake),
  },
  {
    name: 'no encryption preferred',
    certificate: rsa,
    tls: { ...tls12, ciphers: 'eNULL:HIGH' },
    expected: met('TLSv1.2'),
  },
  {
    name: 'no encryption, TLS 1.3',
    certificate: rsa,
    tls: { minVersion: 'TLSv1.3', ciphers: 'TLS_SHA256_SHA256:HIGH' },
    expected: refused(noHandshake),
  },
];

/** What of them a list in tls.ini changes that names everything: peers without certificate are met where none is needed. */
export const underAllCiphers: Readonly<Record<string, Partial<Outcomes>>> = {
  anonymous: {
    opportunistic: 'TLSv1.2 unauthenticated',
    testing: 'TLSv1.2 unauthenticated (certificate-not-trusted)',
    'mandatory 1.0': 'TLSv1.2 unauthenticated',
  },
  'anonymous preferred': {
    testing: 'TLSv1.2 unauthenticated (certificate-not-trusted)',
  },
};
