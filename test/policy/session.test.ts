import { createHash, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createCa, issue, selfSigned, type Issued } from '../../haraka-test-harness/pki';
import type { DaneAuthentication } from '../../src/dane/types';
import { forcedTls } from '../../src/policy/haraka_tls';
import { extraRootsOf } from '../../src/policy/observed';
import type { Authentication, EncryptedRequirement, PkixAuthentication } from '../../src/policy/requirement';
import { checkSession } from '../../src/policy/session';
import type { TlsSession } from '../../src/tls/session';
import { rootsIn } from '../../src/x509/roots';

const host = 'mx.peer.example';
const now = new Date();

function requirement(
  authentication: Authentication,
  minVersion: EncryptedRequirement['minVersion'] = 'TLSv1.2',
) {
  return {
    kind: 'encrypted',
    minVersion,
    authentication,
    serverName: host,
    observe: undefined,
    because: 'mandatory',
  } as const;
}

function pkix(changes: Partial<PkixAuthentication> = {}): Authentication {
  return { kind: 'pkix', pkix: { names: [host], subdomains: [], extraRoots: undefined, ...changes } };
}

function session(leaf: Issued | 'none', changes: Partial<TlsSession> = {}): TlsSession {
  const der = leaf === 'none' ? Buffer.alloc(0) : leaf.certDer;
  return {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    group: 'X25519',
    certificates: { leaf: der, chain: () => (leaf === 'none' ? [] : [new X509Certificate(der)]) },
    chainVerdict: 'trusted',
    securityLevel: 2,
    roots: () => rootsIn([]),
    ...changes,
  };
}

/** How the peer was verified, or the reason why not. */
function verdict(of: EncryptedRequirement, seen: TlsSession): string {
  const result = checkSession(of, seen, now);
  return result.kind === 'met' ? result.verified : result.failure.reason;
}

describe('the TLS version', () => {
  test.each([
    ['TLSv1.3', 'TLSv1.3', 'unauthenticated'],
    ['TLSv1.2', 'TLSv1.3', 'tls-version-too-low'],
    ['TLSv1', 'TLSv1', 'unauthenticated'],
    ['TLSv1', 'TLSv1.1', 'tls-version-too-low'],
    ['SSLv3', 'TLSv1', 'tls-version-too-low'],
    [null, 'TLSv1', 'tls-version-too-low'],
  ] as const)('%s where %s is the least: %s', (protocol, least, expected) => {
    expect(verdict(requirement({ kind: 'none' }, least), session('none', { protocol }))).toBe(expected);
  });
});

describe('the cipher', { tags: ['regression'] }, () => {
  const kinds: Authentication[] = [
    { kind: 'none' },
    pkix(),
    { kind: 'fingerprints', sha256: [createHash('sha256').digest('hex')] },
  ];

  test.each(['NULL-SHA256', 'ECDHE-RSA-NULL-SHA', 'TLS_SHA256_SHA256', ''])(
    'without encryption holds at no level: %j',
    (cipher) => {
      const seen = session('none', { cipher, protocol: 'TLSv1.2' });
      for (const authentication of kinds) {
        expect(checkSession(requirement(authentication), seen, now)).toEqual({
          kind: 'failed',
          failure: {
            reason: 'tls-handshake-failed',
            text: `the peer chose ${cipher}, which does not encrypt`,
          },
        });
      }
      const any = {
        ...requirement({ kind: 'none' }),
        kind: 'opportunistic',
        cleartextFallback: 'never',
      } as const;
      expect(checkSession(any, seen, now)).toMatchObject({ kind: 'failed' });
    },
  );

  it('without a certificate encrypts, and authenticates nobody', () => {
    const seen = session('none', { cipher: 'ADH-AES256-GCM-SHA384', protocol: 'TLSv1.2' });
    expect(kinds.map((authentication) => verdict(requirement(authentication), seen))).toEqual([
      'unauthenticated',
      'certificate-not-trusted',
      'certificate-not-trusted',
    ]);
  });
});

describe('a chain that OpenSSL trusted at a low security level', { tags: ['regression'] }, () => {
  const weakly = async (leaf: Promise<Issued>, chainVerdict = 'trusted', securityLevel: 0 | 1 | 2 = 1) =>
    checkSession(requirement(pkix()), session(await leaf, { chainVerdict, securityLevel }), now);
  const text = "the peer's certificate (CN=mx.peer.example) has an RSA key of only 1024 bits";
  const weak = () => selfSigned({ dnsNames: [host], key: 'rsa-1024' });

  it('holds where every key and signature of it is strong', async () => {
    expect(await weakly(selfSigned({ dnsNames: [host] }))).toMatchObject({ verified: 'pkix' });
  });

  test.each([0, 1] as const)('does not hold where one is weak, and says which (%i)', async (level) => {
    const failure = { reason: 'validation-failure', text };
    expect(await weakly(weak(), 'trusted', level)).toEqual({ kind: 'failed', failure });
  });

  it('is told what was weak where OpenSSL does not say what it refused', async () => {
    expect(await weakly(weak(), 'UNSPECIFIED', 2)).toMatchObject({ failure: { text } });
    expect(await weakly(selfSigned({ dnsNames: [host] }), 'UNSPECIFIED', 2)).toMatchObject({
      failure: {
        reason: 'validation-failure',
        text: expect.stringMatching(/does not verify: OpenSSL does not say why.*\(UNSPECIFIED\)$/) as string,
      },
    });
  });

  it('at the level that is enforced is for OpenSSL alone', async () => {
    expect(await weakly(weak(), 'trusted', 2)).toMatchObject({ verified: 'pkix' });
  });

  it('is recorded where it is only observed', async () => {
    const of = { ...requirement({ kind: 'none' }), observe: requirement(pkix()) } as const;
    const seen = session(await weak(), { securityLevel: 1 });
    expect(checkSession(of, seen, now)).toMatchObject({
      verified: 'unauthenticated',
      recorded: [{ reason: 'validation-failure', text }],
    });
  });
});

describe('what is only observed', () => {
  const old = session('none', { protocol: 'TLSv1.2', chainVerdict: 'SELF_SIGNED_CERT_IN_CHAIN' });
  const held = requirement({ kind: 'none' });
  const newer = requirement({ kind: 'none' }, 'TLSv1.3');

  test.each([
    ['nothing', held, []],
    ['what holds', { ...held, observe: held }, []],
    ['what does not', { ...held, observe: newer }, ['tls-version-too-low']],
    [
      'two requirements, one in the other',
      { ...held, observe: { ...newer, observe: requirement(pkix()) } },
      ['tls-version-too-low', 'certificate-not-trusted'],
    ],
  ] as const)('%s is recorded where it fails, and stops nothing', (_name, of, expected) => {
    const result = checkSession(of, old, now);
    expect(result).toMatchObject({ kind: 'met', verified: 'unauthenticated' });
    expect('recorded' in result && result.recorded.map(({ reason }) => reason)).toEqual(expected);
  });

  test('authenticates only where nothing that is enforced did', async () => {
    const leaf = await selfSigned({ dnsNames: [host] });
    const of = { ...held, observe: requirement(pkix()) } as const;
    expect(checkSession(of, session(leaf), now)).toEqual({ kind: 'met', verified: 'pkix', recorded: [] });
    const sha256 = [createHash('sha256').update(leaf.certDer).digest('hex')];
    const enforced = { ...of, authentication: { kind: 'fingerprints', sha256 } } as const;
    expect(checkSession(enforced, session(leaf), now)).toMatchObject({ verified: 'fingerprint' });
  });
});

describe('the roots of a rule', () => {
  const none = requirement({ kind: 'none' });
  const rooted = requirement(pkix({ extraRoots: 'PEM' }));
  const opportunistic = { ...none, kind: 'opportunistic', cleartextFallback: 'handshake_failure' } as const;

  test.each([
    ['a chain is verified', rooted, 'PEM'],
    ['a chain is observed', { ...opportunistic, observe: rooted }, 'PEM'],
    ['a chain is observed beside what is enforced', { ...none, observe: rooted }, 'PEM'],
    ['no chain is looked at', none, undefined],
    ['there is no TLS', { kind: 'cleartext', because: 'none' }, undefined],
  ] as const)('are trusted where they serve: %s', (_name, of, roots) => {
    expect(extraRootsOf(of)).toBe(roots);
  });
});

describe('PKIX', () => {
  let ca: Issued;
  beforeAll(async () => {
    ca = await createCa();
  });

  test.each([
    [[host], {}, 'pkix'],
    [['*.peer.example'], {}, 'pkix'],
    [['MX.Peer.Example'], {}, 'pkix'],
    [['*.example'], {}, 'certificate-host-mismatch'],
    [['m*.peer.example'], {}, 'certificate-host-mismatch'],
    [['peer.example'], {}, 'certificate-host-mismatch'],
    [['other.example'], { names: [host, 'other.example'] }, 'pkix'],
    [['a.b.peer.example'], { names: [], subdomains: ['peer.example'] }, 'pkix'],
    [['peer.example'], { names: [], subdomains: ['peer.example'] }, 'certificate-host-mismatch'],
    [['xpeer.example'], { names: [], subdomains: ['peer.example'] }, 'certificate-host-mismatch'],
  ])('a certificate for %j under %j: %s', async (dnsNames, wanted, expected) => {
    expect(verdict(requirement(pkix(wanted)), session(await issue(ca, { dnsNames })))).toBe(expected);
  });

  it('takes no common name for a name', async () => {
    expect(verdict(requirement(pkix()), session(await issue(ca, { commonName: host })))).toBe(
      'certificate-host-mismatch',
    );
  });

  test.each([
    ['CERT_HAS_EXPIRED', 'certificate-expired'],
    ['CERT_NOT_YET_VALID', 'certificate-expired'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate-not-trusted'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'certificate-not-trusted'],
    ['UNABLE_TO_GET_ISSUER_CERT', 'certificate-not-trusted'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'certificate-not-trusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate-not-trusted'],
    ['CERT_UNTRUSTED', 'certificate-not-trusted'],
    ['INVALID_PURPOSE', 'validation-failure'],
    ['anything else', 'validation-failure'],
  ])('a chain that OpenSSL calls %s is refused as %s', async (chainVerdict, expected) => {
    const leaf = await issue(ca, { dnsNames: [host] });
    expect(verdict(requirement(pkix()), session(leaf, { chainVerdict }))).toBe(expected);
  });

  describe('dates', () => {
    const day = (offset: number) => new Date(Date.UTC(2026, 0, 1 + offset));
    let old: Issued, fresh: Issued;
    beforeAll(async () => {
      old = await createCa({ commonName: 'Old CA', notBefore: day(0), notAfter: day(30) });
      fresh = await createCa({ commonName: 'New CA', notBefore: day(0), notAfter: day(300) });
    });

    test.each([
      ['CERT_HAS_EXPIRED', 'fresh', 20, 40, "the peer's certificate (CN=mx) expired on 2026-01-21"],
      ['CERT_HAS_EXPIRED', 'old', 200, 40, 'the certificate of an issuer (CN=Old CA) expired on 2026-01-31'],
      [
        'CERT_HAS_EXPIRED',
        'fresh',
        200,
        40,
        'the certificate of an issuer, not sent by the peer, has expired',
      ],
      [
        'CERT_NOT_YET_VALID',
        'fresh',
        20,
        -5,
        "the peer's certificate (CN=mx) is not valid before 2026-01-01",
      ],
    ] as const)(
      '%s under the %s CA: says whose, and since when',
      async (chainVerdict, by, until, at, text) => {
        const ca = by === 'old' ? old : fresh;
        const leaf = await issue(ca, { commonName: 'mx', notBefore: day(0), notAfter: day(until) });
        const chain = [new X509Certificate(leaf.certDer), new X509Certificate(ca.certDer)];
        const certificates = { leaf: leaf.certDer, chain: () => chain };
        const seen = session(leaf, { certificates, chainVerdict });
        expect(checkSession(requirement(pkix()), seen, day(at))).toEqual({
          kind: 'failed',
          failure: {
            reason: 'certificate-expired',
            text: `${text}, by this machine's clock (${day(at).toISOString().slice(0, 10)}T00:00Z)`,
          },
        });
      },
    );
  });

  it('refuses a peer without a certificate', () => {
    expect(verdict(requirement(pkix()), session('none'))).toBe('certificate-not-trusted');
  });
});

describe('fingerprints', () => {
  it('accept the leaf that they name, whoever signed it and whatever its name, and no other', async () => {
    const [known, other] = await Promise.all([selfSigned({ dnsNames: ['x.example'] }), selfSigned()]);
    const sha256 = [createHash('sha256').update(known.certDer).digest('hex')];
    const of = requirement({ kind: 'fingerprints', sha256 });
    const untrusted = { chainVerdict: 'DEPTH_ZERO_SELF_SIGNED_CERT' };
    expect(verdict(of, session(known, untrusted))).toBe('fingerprint');
    expect(verdict(of, session(other, untrusted))).toBe('certificate-not-trusted');
    expect(verdict(of, session('none'))).toBe('certificate-not-trusted');
  });

  it('do not name a peer without a certificate, not even that of nothing', () => {
    const sha256 = [createHash('sha256').digest('hex')];
    expect(verdict(requirement({ kind: 'fingerprints', sha256 }), session('none'))).toBe(
      'certificate-not-trusted',
    );
  });
});

describe('DANE', () => {
  it('asks for nothing beside the record, and for both beside an enforce policy', async () => {
    const ca = await createCa();
    const [named, elsewhere] = await Promise.all([
      issue(ca, { dnsNames: [host] }),
      issue(ca, { dnsNames: ['x.example'] }),
    ]);
    const daneOf = (leaf: Issued): DaneAuthentication => {
      const data = createHash('sha256').update(leaf.key.spki).digest();
      return {
        baseDomain: host,
        records: [{ usage: 3, selector: 1, matchingType: 1, data }],
        port: 25,
        referenceNames: [host],
      };
    };
    const alone = requirement({ kind: 'dane', dane: daneOf(elsewhere) });
    expect(verdict(alone, session(elsewhere, { chainVerdict: 'CERT_HAS_EXPIRED' }))).toBe('dane 3 1 1');
    expect(verdict(alone, session(named))).toBe('certificate-not-trusted');

    const of = (leaf: Issued): EncryptedRequirement => {
      const pkix = { names: [host], subdomains: [], extraRoots: undefined };
      return requirement({ kind: 'dane_and_pkix', dane: daneOf(leaf), pkix });
    };
    expect(verdict(of(named), session(named))).toBe('dane 3 1 1 and pkix');
    expect(verdict(of(named), session(named, { chainVerdict: 'CERT_HAS_EXPIRED' }))).toBe(
      'certificate-expired',
    );
    expect(verdict(of(elsewhere), session(elsewhere))).toBe('certificate-host-mismatch');
    expect(verdict(of(elsewhere), session(named))).toBe('certificate-not-trusted');
  });
});

describe('force_tls_hosts of Haraka', () => {
  it('makes PKIX of a requirement that authenticates nobody, and leaves one that does', () => {
    const opportunistic = {
      kind: 'opportunistic',
      minVersion: 'TLSv1',
      cleartextFallback: 'handshake_failure',
      serverName: host,
      observe: undefined,
      because: 'opportunistic',
    } as const;
    for (const weak of [
      opportunistic,
      { kind: 'cleartext', because: 'none' } as const,
      requirement({ kind: 'none' }),
    ]) {
      expect(forcedTls(weak, host)).toMatchObject({
        kind: 'encrypted',
        authentication: pkix(),
        minVersion: 'TLSv1.2',
        serverName: host,
        observe: undefined,
      });
    }
    expect(forcedTls(requirement({ kind: 'none' }, 'TLSv1.3'), host)).toMatchObject({
      minVersion: 'TLSv1.3',
    });
    const observe = requirement({ kind: 'none' }, 'TLSv1.3');
    const base = 'base.example';
    expect(forcedTls({ ...opportunistic, serverName: base, observe }, host)).toMatchObject({
      serverName: base,
      observe,
    });
    const fingerprints = requirement({ kind: 'fingerprints', sha256: ['ab'] });
    expect(forcedTls(fingerprints, host)).toBe(fingerprints);
  });
});
