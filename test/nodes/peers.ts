/**
 * A program of its own: mail servers, each with one peculiarity of its TLS. It runs on the newest Node, which can be all of
 * them. Takes a list of `PeerSpec` as a message, answers with the port of each, and ends with its parent.
 */
import { constants, getDiffieHellman } from 'node:crypto';
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
  /** `none`: DHE is not spoken. */
  readonly dh: 'none' | '1024 bits' | '2048 bits';
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
    ...(spec.dh === 'none' ? {} : { dhparam: parameters(spec.dh === '1024 bits' ? 'modp2' : 'modp14') }),
  };
  return createSecureContext(options);
}

/** The groups of RFC 2409 and RFC 3526 as PKCS #3 has them. */
function parameters(group: 'modp2' | 'modp14'): string {
  const prime = Buffer.concat([Buffer.from([0]), getDiffieHellman(group).getPrime()]);
  const der = element(0x30, Buffer.concat([element(0x02, prime), element(0x02, Buffer.from([2]))]));
  return `-----BEGIN DH PARAMETERS-----\n${der.toString('base64')}\n-----END DH PARAMETERS-----\n`;
}

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
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
