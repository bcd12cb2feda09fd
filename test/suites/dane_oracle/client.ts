/** Our side of a comparison: STARTTLS against the server, and the certificates it sent. */
import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { sentChain } from '../../../src/tls/sent_chain';
import { permissiveCiphers } from './server';

/** @throws where the handshake fails or takes more than ten seconds. */
export async function receiveChain(
  port: number,
  servername: string,
  version: SecureVersion,
): Promise<X509Certificate[]> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.setTimeout(10_000, () => socket.destroy(new Error('timeout')));
  try {
    await reply(socket);
    socket.write('EHLO client\r\n');
    await reply(socket);
    socket.write('STARTTLS\r\n');
    await reply(socket);
    return await handshake(socket, servername, version);
  } finally {
    socket.destroy();
  }
}

/** Waits for one whole reply, however many lines it has. */
async function reply(socket: Socket): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const onData = (data: Buffer) => {
      text += data.toString('latin1');
      if (/^\d{3} .*\r\n$/m.test(text)) settle(resolve);
    };
    const onEnd = (error?: Error) => settle(() => reject(error ?? new Error('connection closed')));
    const settle = (then: () => void) => {
      socket.off('data', onData).off('error', onEnd).off('close', onEnd);
      then();
    };
    socket.on('data', onData).on('error', onEnd).on('close', onEnd);
  });
}

async function handshake(
  socket: Socket,
  servername: string,
  version: SecureVersion,
): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const tls = connectTls(
      {
        socket,
        servername,
        rejectUnauthorized: false,
        ciphers: permissiveCiphers,
        minVersion: version,
        maxVersion: version,
      },
      () => {
        resolve(sentChain(tls.getPeerX509Certificate()));
        tls.end();
      },
    );
    tls.on('error', reject);
    tls.on('close', () => reject(new Error('closed during the handshake')));
  });
}
