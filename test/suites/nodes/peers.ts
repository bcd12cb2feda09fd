/**
 * A program of its own: mail servers, each with one peculiarity of its TLS. It runs on the newest Node, which can be all of
 * them. Takes a list of `PeerSpec` as a message, answers with the port of each, and ends with its parent.
 */
import { constants } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext, type SecureContextOptions } from 'node:tls';

export interface PeerSpec {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly minVersion: 'TLSv1' | 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers: string;
  readonly groups: string;
  readonly sigalgs: string;
  /** PEM; empty: DHE is not spoken. */
  readonly dhParameters: string;
}

function contextOf(spec: PeerSpec): SecureContext {
  const options: SecureContextOptions = {
    cert: spec.chainPem,
    key: spec.keyPem,
    minVersion: spec.minVersion,
    maxVersion: spec.maxVersion,
    ciphers: spec.ciphers,
    ecdhCurve: spec.groups,
    secureOptions: constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
    ...(spec.sigalgs === '' ? {} : { sigalgs: spec.sigalgs }),
    ...(spec.dhParameters === '' ? {} : { dhparam: spec.dhParameters }),
  };
  return createSecureContext(options);
}

function serve(socket: Socket, context: SecureContext): void {
  socket.on('error', () => undefined);
  socket.write('220 peer ready\r\n');
  const onData = (chunk: Buffer) => {
    const command = chunk.toString('latin1').toUpperCase();
    if (command.startsWith('EHLO')) socket.write('250-peer\r\n250 STARTTLS\r\n');
    else if (command.startsWith('STARTTLS')) {
      socket.off('data', onData);
      socket.write('220 go ahead\r\n');
      const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
      secured.on('error', () => socket.destroy());
      secured.on('data', () => secured.end('221 bye\r\n'));
    } else socket.end('221 bye\r\n');
  };
  socket.on('data', onData);
}

async function listen(spec: PeerSpec): Promise<Server> {
  const context = contextOf(spec);
  const server = createServer((socket) => serve(socket, context));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

process.once('message', (specs: readonly PeerSpec[]) => {
  const begin = async () => {
    const servers = await Promise.all(specs.map(listen));
    process.send?.(servers.map((server) => (server.address() as AddressInfo).port));
  };
  begin().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.once('disconnect', () => process.exit(0));
