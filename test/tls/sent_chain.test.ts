import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { chainPem, createCa, intermediate, issue } from '../../haraka-test-harness/pki';
import { peerCertificates, sentChain } from '../../src/tls/sent_chain';

/** A handshake with a server that sends this PEM; `look` runs on the client's socket. */
async function afterHandshake<T>(cert: string, key: string, look: (socket: TLSSocket) => T): Promise<T> {
  const server = createServer({ cert, key }, (peer) => peer.on('error', () => peer.destroy()).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return look(socket);
  } finally {
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

it('hands out what the server sent: the leaf first, the rest in its order, duplicates included', async () => {
  const root = await createCa();
  const middle = await intermediate(root);
  const leaf = await issue(middle, { dnsNames: ['mx.example.com'] });
  const stranger = await createCa({ commonName: 'Stranger' });
  const sent = [leaf, root, stranger, middle, root];
  await afterHandshake(chainPem(...sent), leaf.keyPem, (socket) => {
    const peer = peerCertificates(socket);
    expect(Buffer.from(peer.leaf)).toEqual(leaf.certDer);
    expect(peer.chain().map(({ raw }) => raw.toString('hex'))).toEqual(
      sent.map(({ certDer }) => certDer.toString('hex')),
    );
    expect(peer.chain()).toBe(peer.chain());
  });
});

it('takes the leaf from a caller that has it', async () => {
  const root = await createCa();
  const leaf = await issue(root, { dnsNames: ['mx.example.com'] });
  await afterHandshake(chainPem(leaf, root), leaf.keyPem, (socket) => {
    const { raw } = socket.getPeerCertificate();
    expect(peerCertificates(socket, raw).leaf).toBe(raw);
  });
});

it('no certificate is an empty chain', () => {
  expect(sentChain(undefined)).toEqual([]);
});
