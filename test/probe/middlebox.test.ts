/** Hosts behind a middlebox that drops the longer one of two hellos, on any Node: two lists stand for those with and without ML-KEM. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openCertificateOffice, type CertificateOffice } from '../../haraka-test-harness/certificates';
import { startMiddlebox, type Middlebox, type MiddleboxSpec } from '../../haraka-test-harness/middlebox';
import { startSmtpPeer, type SmtpPeer } from '../../haraka-test-harness/smtp_peer';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import { probeHost, type ProbeOptions } from '../../src/probe/probe';
import * as groups from '../../src/tls/groups';

const name = 'mx.example';
/** Milliseconds. */
const patience = 1_500;
let office: CertificateOffice;
let peer: SmtpPeer;
const middleboxes: Middlebox[] = [];

beforeAll(async () => {
  vi.spyOn(groups, 'groupList').mockImplementation((hello) =>
    hello === 'classic' ? 'X25519:P-256' : 'X25519:P-256:X448:P-384:P-521:ffdhe2048:ffdhe3072',
  );
  vi.spyOn(groups, 'hasClassicHello').mockReturnValue(true);
  office = await openCertificateOffice();
  peer = await startSmtpPeer({
    name,
    address: '127.0.0.1',
    certificate: await office.certificate(name, 'trusted'),
    tls: { min: 'TLSv1.2', max: 'TLSv1.3' },
    behaviour: 'normal',
  });
});
afterAll(async () => {
  await Promise.all([...middleboxes, peer].map((part) => part.stop()));
});

async function before(spec: MiddleboxSpec): Promise<Middlebox> {
  const middlebox = await startMiddlebox({ ...spec, address: '127.0.0.1', host: peer });
  middleboxes.push(middlebox);
  return middlebox;
}

function optionsFor({ port }: Middlebox): ProbeOptions {
  const terms = handshakeTerms({
    kind: 'encrypted',
    because: 'verify',
    minVersion: 'TLSv1.2',
    authentication: { kind: 'pkix', pkix: { names: [name], subdomains: [], extraRoots: office.caPem } },
    serverName: name,
    observe: undefined,
  });
  const handshake = { terms, haraka: {}, certificate: 'none', hello: 'default' } as const;
  return { address: '127.0.0.1', port, ehloName: 'us.example', handshake, deadlineMs: patience };
}

/** Octets: of the longer hello, and a limit between the two. */
async function lengths(): Promise<{ long: number; limit: number }> {
  const middlebox = await before({ longestHello: 10_000, answer: 'silence' });
  await probeHost(optionsFor(middlebox));
  const long = middlebox.connections[0]?.[0]?.octets ?? 0;
  return { long, limit: long - 1 };
}

const fates = ({ connections }: Middlebox) => connections.map((seen) => seen.map(({ fate }) => fate));

describe('a middlebox that drops the longer hello', { tags: ['regression'] }, () => {
  it.each(['silence', 'reset'] as const)('with %s: the host is seen with the shorter one', async (answer) => {
    const { long, limit } = await lengths();
    expect(long).toBeGreaterThan(0);
    const middlebox = await before({ longestHello: limit, answer });
    const began = performance.now();
    expect(await probeHost(optionsFor(middlebox))).toMatchObject({
      kind: 'encrypted',
      session: { protocol: 'TLSv1.3', chainVerdict: 'trusted' },
      then: { kind: 'ready' },
    });
    expect(fates(middlebox)).toEqual([['dropped'], ['passed']]);
    if (answer === 'reset') expect(performance.now() - began).toBeLessThan(patience);
  });

  it.each([
    ['silence', 'the TLS handshake failed: no answer in time'],
    ['reset', 'the TLS handshake failed: '],
  ] as const)('and the shorter one too, with %s: is no TLS after two visits', async (answer, text) => {
    const middlebox = await before({ longestHello: 100, answer });
    expect(await probeHost(optionsFor(middlebox))).toMatchObject({
      kind: 'no_tls',
      failure: { reason: 'tls-handshake-failed', text: expect.stringContaining(text) },
    });
    expect(fates(middlebox)).toEqual([['dropped'], ['dropped']]);
  });

  it('is not visited again when the caller has given up', async () => {
    const middlebox = await before({ longestHello: 100, answer: 'silence' });
    const giveUp = new AbortController();
    const seen = probeHost({ ...optionsFor(middlebox), signal: giveUp.signal });
    await vi.waitUntil(() => middlebox.connections[0]?.length === 1);
    giveUp.abort();
    expect((await seen).kind).toBe('no_tls');
    expect(middlebox.connections).toHaveLength(1);
  });
});
