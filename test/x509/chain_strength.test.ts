import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import {
  createCa,
  createKey,
  intermediate,
  issue,
  selfSigned,
  type Issued,
  type Key,
} from '../../haraka-test-harness/pki';
import { chainWeakness } from '../../src/x509/chain_strength';
import { trustedRoots } from '../../src/tls/roots';
import { rootsIn } from '../../src/x509/roots';

const name = 'mx.peer.example';
const now = new Date();

const keyNames = ['rsa', 'rsa-1024', 'ec'] as const;
type KeyName = (typeof keyNames)[number];
let keys: Readonly<Record<KeyName, readonly Key[]>>;
beforeAll(() => {
  const several = (type: KeyName) => Array.from({ length: 4 }, () => createKey(type));
  keys = { rsa: several('rsa'), 'rsa-1024': several('rsa-1024'), ec: several('ec') };
});

const parse = (list: readonly Issued[]) => list.map(({ certDer }) => new X509Certificate(certDer));

function weakness(sent: readonly Issued[], roots: readonly Issued[]): string {
  const found = chainWeakness(parse(sent), rootsIn(roots.map(({ certPem }) => certPem)), now);
  return found === 'none' ? 'none' : `${found.depth} ${found.text}`;
}

describe('a chain', () => {
  const sha1 = { digest: 'SHA-1' } as const;

  it('is strong where all of it is, whoever signed the root', async () => {
    const root = await createCa({ key: keys.rsa[0]!, ...sha1 });
    const ca = await intermediate(root, { key: keys.ec[0]! });
    const leaf = await issue(ca, { dnsNames: [name], key: keys.rsa[1]! });
    expect(weakness([leaf, ca], [root])).toBe('none');
    expect(weakness([leaf, ca, root], [root])).toBe('none');
    // The root is not known here: then there is nothing of it to be judged.
    expect(weakness([leaf, ca], [])).toBe('none');
  });

  it('is as weak as one key or signature of it, and the first is told', async () => {
    const weak = keys['rsa-1024'];
    const root = await createCa({ key: keys.rsa[0]! });
    const weakRoot = await createCa({ key: weak[0]! });
    const ca = await intermediate(root, { key: keys.rsa[2]! });
    const weakCa = await intermediate(root, { key: weak[1]!, ...sha1 });
    const [ofWeakRoot, ofWeakCa, weakLeaf, oldLeaf] = await Promise.all([
      issue(weakRoot, { dnsNames: [name] }),
      issue(weakCa, { dnsNames: [name] }),
      issue(ca, { dnsNames: [name], key: weak[2]! }),
      issue(ca, { dnsNames: [name], ...sha1 }),
    ]);
    expect(weakness([weakLeaf, ca], [root])).toBe('0 has an RSA key of only 1024 bits');
    expect(weakness([oldLeaf, ca], [root])).toBe('0 has a signature with SHA-1');
    expect(weakness([ofWeakCa, weakCa], [root])).toBe('1 has an RSA key of only 1024 bits');
    expect(weakness([ofWeakRoot], [weakRoot])).toBe('1 has an RSA key of only 1024 bits');
  });

  it('is not weak for what was sent beside it', async () => {
    const root = await createCa({ key: keys.rsa[0]! });
    const leaf = await issue(root, { dnsNames: [name] });
    const stranger = await selfSigned({ key: keys['rsa-1024'][0]!, ...sha1 });
    const crossSigned = await intermediate(await createCa({ commonName: 'Old CA' }), {
      commonName: 'Test CA',
      key: keys.rsa[0]!,
      ...sha1,
    });
    expect(weakness([leaf, stranger, crossSigned], [root])).toBe('none');
    // Where its root is not trusted, the one that crosses over is part of it.
    expect(weakness([leaf, stranger, crossSigned], [])).toBe('1 has a signature with SHA-1');
  });

  it('that loops ends', async () => {
    const [a, b] = [keys.rsa[0]!, keys.rsa[1]!];
    const rootA = await createCa({ commonName: 'A', key: a });
    const rootB = await createCa({ commonName: 'B', key: b });
    const aByB = await intermediate(rootB, { commonName: 'A', key: a });
    const bByA = await intermediate(rootA, { commonName: 'B', key: b });
    const leaf = await issue(rootA, { dnsNames: [name] });
    expect(weakness([leaf, aByB, bByA], [])).toBe('none');
  });

  it('that is not there is not weak', () => {
    expect(weakness([], [])).toBe('none');
  });
});

describe('against OpenSSL', () => {
  /** Whether OpenSSL trusts what the peer shows, at a security level. */
  async function trusts(sent: readonly Issued[], roots: readonly Issued[], level: 0 | 2): Promise<boolean> {
    const server = createServer({
      cert: sent.map(({ certPem }) => certPem).join(''),
      key: sent[0]!.keyPem,
      ciphers: 'DEFAULT:@SECLEVEL=0',
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: name,
      ca: roots.map(({ certPem }) => certPem),
      ciphers: `DEFAULT:@SECLEVEL=${level}`,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    const { authorized } = socket;
    socket.destroy();
    server.close();
    return authorized;
  }

  const link = fc.record({
    key: fc.constantFrom(...keyNames),
    digest: fc.constantFrom('SHA-256' as const, 'SHA-256' as const, 'SHA-1' as const),
  });
  const plan = fc.record({
    root: link,
    between: fc.array(link, { maxLength: 2 }),
    leaf: link,
    extra: fc.constantFrom('nothing', 'root', 'stranger', 'twin', 'twin_trusted', 'issuer_trusted'),
    order: fc.constantFrom('as_issued', 'reversed'),
  });

  async function build({
    root,
    between,
    leaf,
    extra,
    order,
  }: typeof plan extends fc.Arbitrary<infer T> ? T : never) {
    const key = (of: { readonly key: KeyName }, index: number) => keys[of.key][index]!;
    const top = await createCa({ commonName: 'CA 0', key: key(root, 0), digest: root.digest });
    const issuers: Issued[] = [];
    for (const [index, one] of between.entries()) {
      const options = { commonName: `CA ${index + 1}`, key: key(one, index + 1), digest: one.digest };
      issuers.unshift(await intermediate(issuers[0] ?? top, options));
    }
    const first = await issue(issuers[0] ?? top, {
      dnsNames: [name],
      key: key(leaf, 3),
      digest: leaf.digest,
    });
    const trusted = [top];
    const sent = [...issuers];
    const twinned = between[0];
    if (extra === 'root') sent.push(top);
    if (extra === 'stranger') sent.push(await selfSigned({ key: keys['rsa-1024'][3]!, digest: 'SHA-1' }));
    if (extra === 'issuer_trusted') trusted.push(...issuers.slice(0, 1));
    if (extra.startsWith('twin') && twinned !== undefined) {
      const other = await createCa({ commonName: 'Another CA', key: keys['rsa-1024'][0]!, digest: 'SHA-1' });
      const options = {
        commonName: 'CA 1',
        key: key(twinned, 1),
        digest: 'SHA-1',
        keyIdentifiers: 'absent',
      } as const;
      sent.unshift(await intermediate(other, options));
      if (extra === 'twin_trusted') trusted.push(other);
    }
    return { sent: [first, ...(order === 'reversed' ? sent.reverse() : sent)], trusted };
  }

  test('what it trusts at level 0 and is strong, it trusts at level 2, and nothing else', async () => {
    const seen = { strong: 0, weak: 0 };
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { sent, trusted } = await build(one);
        const low = await trusts(sent, trusted, 0);
        const strong = low && weakness(sent, trusted) === 'none';
        seen[strong ? 'strong' : 'weak'] += 1;
        expect(strong).toBe(await trusts(sent, trusted, 2));
      }),
      // The same chains each time, unless more are asked for: of some thirty others hardly any may be strong.
      process.env['CHAINS'] === undefined
        ? { numRuns: 30, seed: 5 }
        : { numRuns: Number(process.env['CHAINS']) },
    );
    expect(Math.min(seen.strong, seen.weak), JSON.stringify(seen)).toBeGreaterThan(3);
  }, 60_000);
});

test('the roots that are trusted by default are found by the name of an issuer, and others are added', async () => {
  const ca = await createCa({ commonName: 'Ours' });
  const [leaf] = parse([await issue(ca, { dnsNames: [name] })]);
  const roots = trustedRoots(`junk\n${ca.certPem}`);
  expect(roots).toBe(trustedRoots(`junk\n${ca.certPem}`));
  expect(roots.issuersOf(leaf!).map(({ subject }) => subject)).toEqual(['CN=Ours']);
  expect(trustedRoots('').issuersOf(leaf!)).toEqual([]);
});
