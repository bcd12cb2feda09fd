/** What holding a handshake to a requirement costs. The server runs here, the client that is measured in a child. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import {
  chainPem,
  createCa,
  intermediate,
  issue,
  type Issued,
  type KeyType,
} from '../../haraka-test-harness/pki';
import { publicKeyInfo } from '../../src/x509/certificate';
import { runChild } from '../child';
import type { Effort, Figure } from '../report';
import type { VerificationOrder } from './verification_child';

const host = 'mx.example.com';
const keys: readonly { readonly type: KeyType; readonly name: string }[] = [
  { type: 'ec', name: 'P-256' },
  { type: 'rsa', name: 'RSA-2048' },
];

export async function measureVerification(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const figures: Figure[] = [];
  for (const { type, name } of keys) {
    const [leaf, middle, root] = await buildChain(type);
    const server = createServer(
      { cert: chainPem(leaf, middle, root), key: leaf.keyPem, minVersion: 'TLSv1.3' },
      (socket) => {
        socket.on('error', () => socket.destroy());
        socket.resume();
        socket.end();
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const order: VerificationOrder = {
      name,
      host,
      port: (server.address() as AddressInfo).port,
      rootPem: root.certPem,
      leafDigest: keyDigest(leaf),
      rootDigest: keyDigest(root),
      ...(effort === 'quick' ? { handshakes: 40, rounds: 3 } : { handshakes: 200, rounds: 7 }),
    };
    try {
      const file = new URL('verification_child.ts', import.meta.url).pathname;
      figures.push(...(await runChild<Figure[]>(file, order)));
    } finally {
      server.close();
      await once(server, 'close');
    }
  }
  return { figures, notes };
}

const notes = [
  'a chain of 3, the root sent along; TLS 1.3, each handshake in full; processor time of the client',
  'OpenSSL verifies the chain in every handshake, the bare one as well: what PKIX adds is the names',
];

async function buildChain(key: KeyType): Promise<[Issued, Issued, Issued]> {
  const root = await createCa({ commonName: 'Root', key });
  const middle = await intermediate(root, { key, pathLength: 0 });
  return [await issue(middle, { dnsNames: [host], key }), middle, root];
}

/** What a TLSA record with selector 1 and matching type 1 holds. */
function keyDigest({ certDer }: Issued): string {
  const info = publicKeyInfo(certDer);
  if (info === undefined) throw new Error('unreadable certificate');
  return createHash('sha256').update(info).digest('hex');
}
