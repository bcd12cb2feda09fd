import { expect, test } from 'vitest';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import type { Authentication, EncryptedRequirement } from '../../src/policy/requirement';
import { securityLevelOf } from '../../src/tls/security_level';
import type { TlsVersion } from '../../src/tls/version';

const pkix: Authentication = { kind: 'pkix', pkix: { names: [], subdomains: [], extraRoots: undefined } };
const dane: Authentication = {
  kind: 'dane',
  dane: { baseDomain: 'mx.example', port: 25, records: [], referenceNames: [] },
};
const fingerprints: Authentication = { kind: 'fingerprints', sha256: [] };
const none: Authentication = { kind: 'none' };

function encrypted(authentication: Authentication, minVersion: TlsVersion = 'TLSv1.2'): EncryptedRequirement {
  const common = { serverName: undefined, observe: undefined, because: 'mandatory' } as const;
  return { kind: 'encrypted', minVersion, authentication, ...common };
}

function opportunistic(minVersion: TlsVersion, observe?: EncryptedRequirement) {
  return {
    kind: 'opportunistic',
    minVersion,
    cleartextFallback: 'never',
    serverName: undefined,
    observe,
    because: 'monitor',
  } as const;
}

test.each([
  ['a chain is verified', encrypted(pkix), 2, 'enforced'],
  ['a chain is verified beside DANE', encrypted({ ...dane, ...pkix, kind: 'dane_and_pkix' }), 2, 'enforced'],
  // Never so, but 2 whatever the version.
  ['a chain is verified with old TLS', encrypted(pkix, 'TLSv1'), 2, 'enforced'],
  ['DANE authenticates', encrypted(dane), 1, 'enforced'],
  ['DANE authenticates with old TLS', encrypted(dane, 'TLSv1'), 0, 'enforced'],
  ['a fingerprint does', encrypted(fingerprints), 1, 'enforced'],
  ['a fingerprint does, with old TLS', encrypted(fingerprints, 'TLSv1.1'), 0, 'enforced'],
  ['nobody is authenticated', encrypted(none), 1, 'none'],
  ['nobody is authenticated, with old TLS', encrypted(none, 'TLSv1.1'), 0, 'none'],
  ['TLS is optional', opportunistic('TLSv1.2'), 1, 'none'],
  ['TLS is optional, and old TLS will do', opportunistic('TLSv1'), 0, 'none'],
  ['a chain is observed', opportunistic('TLSv1', encrypted(pkix)), 0, 'observed'],
  ['encryption is observed', opportunistic('TLSv1', encrypted(none)), 0, 'none'],
  ['a chain is observed beside DANE', { ...encrypted(dane), observe: encrypted(pkix) }, 1, 'enforced'],
  ['a chain is observed beside encryption', { ...encrypted(none), observe: encrypted(pkix) }, 1, 'observed'],
] as const)('where %s, the level is %i and a certificate %s', (_name, requirement, level, use) => {
  const terms = handshakeTerms(requirement);
  expect(securityLevelOf(terms)).toBe(level);
  expect(terms.certificate).toBe(use);
});
