/** The name of an MX host and the constraints of the CAs above its certificate, after real handshakes that OpenSSL judged. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  chainPem,
  createCa,
  intermediate,
  issue,
  tlv,
  type ConstrainedName,
  type Issued,
} from '../../haraka-test-harness/pki';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import type { PkixAuthentication } from '../../src/policy/requirement';
import { checkSession, type SessionVerdict } from '../../src/policy/session';
import { sessionFacts } from '../../src/tls/session';

const host = 'mx.bank.example';

/** A server that sends `sent`, and a client that trusts `trusted` alone beside the default roots. */
async function meet(
  sent: readonly [Issued, ...Issued[]],
  trusted: readonly Issued[],
  wanted: Partial<PkixAuthentication> = {},
): Promise<{ openssl: boolean; verdict: SessionVerdict }> {
  const extraRoots = chainPem(...trusted);
  const server = createServer({ cert: chainPem(...sent), key: sent[0].keyPem }, (peer) => {
    peer.on('error', () => peer.destroy());
    peer.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca: extraRoots,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  try {
    await once(socket, 'secureConnect');
    const pkix = { names: [host], subdomains: [], extraRoots, ...wanted };
    const requirement = {
      kind: 'encrypted',
      minVersion: 'TLSv1.2',
      authentication: { kind: 'pkix', pkix },
      serverName: host,
      observe: undefined,
      because: 'verify',
    } as const;
    const session = sessionFacts(socket, handshakeTerms(requirement));
    return { openssl: socket.authorized, verdict: checkSession(requirement, session, new Date()) };
  } finally {
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

const excluding = (dns: string) => ({ nameConstraints: { excluded: [{ dns } satisfies ConstrainedName] } });
const wildcard = { dnsNames: ['*.bank.example'] };
const forbidden = {
  kind: 'failed',
  failure: {
    reason: 'validation-failure',
    text: expect.stringMatching(
      /may not stand for \S+bank\.example: an issuer of it \(CN=.*\) does not permit/,
    ) as string,
  },
};
const pkixHeld = { kind: 'met', verified: 'pkix' };

describe('a name that a CA excludes', { tags: ['regression'] }, () => {
  let plainRoot: Issued;
  beforeAll(async () => {
    plainRoot = await createCa({ commonName: 'Root' });
  });

  test.each([
    ['below a wildcard', host, wildcard],
    ['with a dot at its end', `${host}.`, { dnsNames: [host] }],
    ['with a wildcard', '*.bank.example', { dnsNames: [host] }],
  ])('is refused %s, whether a root or an intermediate says so', async (_how, excluded, names) => {
    const root = await createCa({ commonName: 'Root', ...excluding(excluded) });
    const byRoot = await issue(root, names);
    expect(await meet([byRoot], [root])).toEqual({ openssl: true, verdict: forbidden });
    expect(await meet([byRoot, root], [root])).toMatchObject({ verdict: forbidden });
    const middle = await intermediate(root, { commonName: 'Middle' });
    expect(await meet([await issue(middle, names), middle], [root])).toMatchObject({ verdict: forbidden });
    const constrained = await intermediate(plainRoot, { commonName: 'Constrained', ...excluding(excluded) });
    const byMiddle = await issue(constrained, names);
    expect(await meet([byMiddle, constrained], [plainRoot])).toEqual({ openssl: true, verdict: forbidden });
    // An intermediate that is not sent, because the operator's file has it.
    expect(await meet([byMiddle], [constrained, plainRoot])).toEqual({ openssl: true, verdict: forbidden });
  });

  test('is not a name beside it, nor one that a stranger excludes', async () => {
    const root = await createCa({ commonName: 'Root', ...excluding('other.bank.example') });
    expect(await meet([await issue(root, wildcard)], [root])).toMatchObject({ verdict: pkixHeld });
    const stranger = await createCa({ commonName: 'Stranger', ...excluding(host) });
    const namesake = await createCa({ commonName: 'Root', ...excluding(host) });
    const leaf = await issue(plainRoot, wildcard);
    const all = [plainRoot, stranger, namesake];
    expect(await meet([leaf, stranger, namesake], all)).toEqual({
      openssl: true,
      verdict: expect.objectContaining(pkixHeld) as unknown,
    });
  });

  test('is hidden by nothing that the peer sends along', async () => {
    const root = await createCa({ commonName: 'Root', ...excluding(host) });
    const decoy = await createCa({ commonName: 'Root' });
    const leaf = await issue(root, { ...wildcard, keyIdentifiers: 'absent' });
    expect(await meet([leaf, decoy], [root])).toEqual({ openssl: true, verdict: forbidden });
  });

  test('leaves the other names that the rule takes', async () => {
    const root = await createCa({ commonName: 'Root', ...excluding(host) });
    const leaf = await issue(root, wildcard);
    const two = { names: [host, 'mail.bank.example'] };
    expect(await meet([leaf], [root], two)).toMatchObject({ verdict: pkixHeld });
    const below = { names: [], subdomains: ['bank.example'] };
    expect(await meet([leaf], [root], below)).toMatchObject({ verdict: pkixHeld });
    const all = await createCa({ commonName: 'Root', ...excluding('*.bank.example') });
    expect(await meet([await issue(all, { dnsNames: [host] })], [all], below)).toMatchObject({
      verdict: forbidden,
    });
  });
});

test('a name that cannot be read is named as what it is', { tags: ['regression'] }, async () => {
  const root = await createCa({ commonName: 'Root' });
  const names = tlv(0x30, tlv(0x82, Buffer.from(host)), tlv(0x82, Buffer.from('m\u00fcx.bank.example')));
  const extensions = [{ oid: '2.5.29.17', critical: false, valueHex: names.toString('hex') }];
  const { openssl, verdict } = await meet([await issue(root, { extensions })], [root]);
  expect(openssl).toBe(true);
  expect(verdict).toEqual({
    kind: 'failed',
    failure: {
      reason: 'validation-failure',
      text: "the peer's certificate cannot be read (subjectAltName: a dNSName with text that is not ASCII (m\u00fcx.bank.example))",
    },
  });
});
