/** An SMTP server on loopback that offers STARTTLS and chooses its certificates by SNI. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket, createSecureContext, type SecureContext } from 'node:tls';

/** Weak keys and digests have to get through the handshake, so that they reach the verification. */
export const permissiveCiphers = 'DEFAULT@SECLEVEL=0';

/** Until the name is known, and for what does not change with it. */
const permissive = createSecureContext({ ciphers: permissiveCiphers, minVersion: 'TLSv1.2' });

export interface CertificateServer {
  readonly port: number;
  /** From now on `serverName` is answered with this chain. */
  serve(serverName: string, certPem: string, keyPem: string): void;
  stop(serverName: string): void;
  close(): Promise<void>;
}

/** Listens on an ephemeral port of 127.0.0.1. */
export async function startServer(): Promise<CertificateServer> {
  const contexts = new Map<string, SecureContext>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    converse(socket, contexts);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    serve: (name, cert, key) =>
      void contexts.set(
        name,
        createSecureContext({ cert, key, ciphers: permissiveCiphers, minVersion: 'TLSv1.2' }),
      ),
    stop: (name) => void contexts.delete(name),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function converse(socket: Socket, contexts: ReadonlyMap<string, SecureContext>): void {
  socket.write('220 oracle ESMTP\r\n');
  let received = '';
  socket.on('data', function onData(data: Buffer) {
    received += data.toString('latin1');
    for (let end = received.indexOf('\n'); end >= 0; end = received.indexOf('\n')) {
      const line = received.slice(0, end).trim().toUpperCase();
      received = received.slice(end + 1);
      if (line === 'STARTTLS') {
        socket.off('data', onData);
        socket.write('220 go\r\n');
        secure(socket, contexts);
        return;
      }
      socket.write(line.startsWith('EHLO') ? '250-oracle\r\n250 STARTTLS\r\n' : '250 OK\r\n');
    }
  });
}

function secure(socket: Socket, contexts: ReadonlyMap<string, SecureContext>): void {
  const tls = new TLSSocket(socket, {
    isServer: true,
    secureContext: permissive,
    SNICallback: (name, done) => {
      const context = contexts.get(name);
      done(context ? null : new Error(`nothing is served at ${name}`), context);
    },
  });
  tls.on('error', () => tls.destroy());
  tls.on('data', () => tls.end('221 bye\r\n'));
  tls.on('end', () => tls.end());
}
