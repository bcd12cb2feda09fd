import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCertificateOffice, type CertificateOffice } from '../../haraka-test-harness/certificates';
import type { BehaviourName } from '../../haraka-test-harness/behaviours';
import { startSmtpPeer, type SmtpPeer } from '../../haraka-test-harness/smtp_peer';
import type { CertificateKind, TlsVersion } from '../../haraka-test-harness/world';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import type { Authentication } from '../../src/policy/requirement';
import { probeHost, type Probe, type ProbeOptions } from '../../src/probe/probe';
import type { HandshakeRequest } from '../../src/tls/options';

const name = 'mx.example';
let office: CertificateOffice;
const peers: SmtpPeer[] = [];

beforeAll(async () => {
  office = await openCertificateOffice();
});
afterAll(() => Promise.all(peers.map((peer) => peer.stop())));

interface Host {
  readonly behaviour?: BehaviourName;
  readonly certificate?: CertificateKind;
  readonly tls?: { readonly min: TlsVersion; readonly max: TlsVersion };
}

async function host({ behaviour = 'normal', certificate = 'trusted', tls }: Host): Promise<SmtpPeer> {
  const peer = await startSmtpPeer({
    name,
    address: '127.0.0.1',
    certificate: await office.certificate(name, certificate),
    tls: tls ?? { min: 'TLSv1.2', max: 'TLSv1.3' },
    behaviour,
  });
  peers.push(peer);
  return peer;
}

/** A chain is verified below the lab's root, unless `minVersion` is lower than that allows. */
function handshake(minVersion: TlsVersion): HandshakeRequest {
  const authentication: Authentication =
    minVersion === 'TLSv1'
      ? { kind: 'none' }
      : { kind: 'pkix', pkix: { names: [name], subdomains: [], extraRoots: office.caPem } };
  const requirement = { minVersion, authentication, serverName: name, observe: undefined } as const;
  return {
    terms: handshakeTerms({ kind: 'encrypted', because: 'verify', ...requirement }),
    haraka: {},
    certificate: 'none',
    hello: 'default',
  };
}

function probe({ port }: { port: number }, options: Partial<ProbeOptions> = {}): Promise<Probe> {
  return probeHost({
    address: '127.0.0.1',
    port,
    ehloName: 'us.example',
    handshake: handshake('TLSv1.2'),
    deadlineMs: 10_000,
    ...options,
  });
}

describe('a host that completes the handshake', () => {
  it('is seen with version, cipher, chain and verdict, and is taken leave of before any envelope', async () => {
    const peer = await host({});
    const seen = await probe(peer);
    expect(seen).toMatchObject({
      kind: 'encrypted',
      dialogue: { greeting: expect.stringMatching(/^220 /), starttls: '220 2.0.0 go ahead' },
      session: { protocol: 'TLSv1.3', chainVerdict: 'trusted' },
    });
    expect(seen.kind === 'encrypted' && seen.session.certificates.chain()[0]?.subjectAltName).toBe(
      `DNS:${name}`,
    );
    await peer.settled();
    expect(peer.connections[0]).toMatchObject({
      cleartext: 'EHLO us.example\r\nSTARTTLS\r\n',
      encrypted: 'EHLO us.example\r\nQUIT\r\n',
      tls: { kind: 'established', sni: name },
    });
  });

  const verdicts: readonly [CertificateKind, string][] = [
    ['expired', 'CERT_HAS_EXPIRED'],
    ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['untrusted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['wrong-name', 'trusted'],
  ];
  it.each(verdicts)('with a certificate that is %s has the verdict %s', async (certificate, verdict) => {
    const seen = await probe(await host({ certificate }));
    expect(seen).toMatchObject({ kind: 'encrypted', session: { chainVerdict: verdict } });
  });

  it('at TLS 1.0 is seen where the caller offers that', async () => {
    const peer = await host({ tls: { min: 'TLSv1', max: 'TLSv1' } });
    expect(await probe(peer, { handshake: handshake('TLSv1') })).toMatchObject({
      kind: 'encrypted',
      session: { protocol: 'TLSv1' },
    });
    expect(await probe(peer)).toMatchObject({ kind: 'no_tls', failure: { reason: 'tls-version-too-low' } });
  });

  it('and hangs up at once has been seen all the same', async () => {
    const seen = await probe(
      await host({ behaviour: 'close-after-handshake', tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }),
    );
    expect(seen).toMatchObject({ kind: 'encrypted', session: { protocol: 'TLSv1.2' } });
  });
});

describe('a host that does not come to TLS', () => {
  const misfits: readonly [BehaviourName, string][] = [
    ['no-starttls', 'no_tls starttls-not-supported'],
    ['starttls-454', 'no_tls tls-handshake-failed'],
    ['starttls-garbage', 'no_tls tls-handshake-failed'],
    ['starttls-close', 'no_tls tls-handshake-failed'],
    ['starttls-injected', 'no_tls tls-handshake-failed'],
    ['starttls-partial-line', 'no_tls tls-handshake-failed'],
    ['handshake-close', 'no_tls tls-handshake-failed'],
    ['handshake-garbage', 'no_tls tls-handshake-failed'],
    ['banner-554', 'no_dialogue'],
    ['banner-garbage', 'no_dialogue'],
    ['banner-close', 'no_dialogue'],
    ['ehlo-502', 'no_tls starttls-not-supported'],
    ['ehlo-and-helo-502', 'no_dialogue'],
    ['ehlo-421', 'no_dialogue'],
    ['starttls-354', 'no_tls tls-handshake-failed'],
    ['ehlo-close', 'no_dialogue'],
  ];
  it.each(misfits)('%s: %s', async (behaviour, expected) => {
    const peer = await host({ behaviour });
    const seen = await probe(peer);
    expect(seen.kind === 'no_tls' ? `no_tls ${seen.failure.reason}` : seen.kind).toBe(expected);
    await peer.settled();
  });

  it.each(['banner-silence', 'starttls-silence', 'handshake-silence'] as const)(
    '%s ends at the deadline, with the socket closed',
    async (behaviour) => {
      const peer = await host({ behaviour });
      expect((await probe(peer, { deadlineMs: 300 })).kind).toMatch(/no_dialogue|no_tls/);
      await peer.settled();
    },
  );

  it('is unreachable where nobody listens', async () => {
    const peer = await host({});
    await peer.stop();
    expect(await probe(peer)).toMatchObject({
      kind: 'unreachable',
      problem: expect.stringMatching(/ECONNREFUSED/),
    });
  });

  it('ends as soon as the caller gives up', async () => {
    const peer = await host({ behaviour: 'banner-silence' });
    const giveUp = new AbortController();
    const seen = probe(peer, { signal: giveUp.signal });
    await peer.until(({ connections }) => connections.length === 1);
    giveUp.abort();
    expect((await seen).kind).toMatch(/no_dialogue|unreachable/);
    await peer.settled();
  });
});
