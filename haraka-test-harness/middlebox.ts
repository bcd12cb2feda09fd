/** A middlebox before an MX host: passes everything on but TLS hellos that it finds too long. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface MiddleboxSpec {
  /** Octets of the longest ClientHello that it passes on, with its record header. */
  readonly longestHello: number;
  /** What becomes of a longer one: `silence` swallows it, and whatever comes after it; `reset` breaks the connection. */
  readonly answer: 'silence' | 'reset';
}

/** A ClientHello on its way to the host. */
export interface SeenHello {
  /** With its record header. */
  readonly octets: number;
  readonly fate: 'passed' | 'dropped';
}

export interface Middlebox {
  readonly port: number;
  /** For each connection, in the order in which they came. */
  readonly connections: readonly (readonly SeenHello[])[];
  stop(): Promise<void>;
}

export interface MiddleboxOptions extends MiddleboxSpec {
  /** A loopback address of its own, or that of the host. */
  readonly address: string;
  readonly host: { readonly address: string; readonly port: number };
}

export async function startMiddlebox(options: MiddleboxOptions): Promise<Middlebox> {
  const connections: SeenHello[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const seen: SeenHello[] = [];
    connections.push(seen);
    const host = connect({ host: options.host.address, port: options.host.port });
    for (const socket of [client, host]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('close', () => host.end());
    host.on('close', () => client.end());
    host.pipe(client);
    passOn(client, host, options, seen);
  });
  server.listen(0, options.address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** Cleartext up to the first record of TLS, then record by record until data flows, which it does not look at. */
function passOn(client: Socket, host: Socket, spec: MiddleboxSpec, seen: SeenHello[]): void {
  let mode: 'cleartext' | 'handshake' | 'data' | 'swallowing' = 'cleartext';
  let pending: Buffer = Buffer.alloc(0);
  client.on('data', (chunk: Buffer) => {
    if (mode === 'swallowing') return;
    if (mode === 'cleartext' && chunk[0] === record.handshake) mode = 'handshake';
    if (mode !== 'handshake') {
      host.write(chunk);
      return;
    }
    pending = Buffer.concat([pending, chunk]);
    while (mode === 'handshake' && pending.length > header) {
      const octets = header + pending.readUInt16BE(3);
      if (pending[0] === record.data) {
        mode = 'data';
        host.write(pending);
      } else if (isHello(pending) && octets > spec.longestHello) {
        seen.push({ octets, fate: 'dropped' });
        mode = 'swallowing';
        if (spec.answer === 'reset') client.resetAndDestroy();
      } else {
        if (pending.length < octets) return;
        if (isHello(pending)) seen.push({ octets, fate: 'passed' });
        host.write(pending.subarray(0, octets));
        pending = pending.subarray(octets);
      }
    }
  });
}

/** Octets before the content of a record (RFC 8446 section 5.1). */
const header = 5;
const record = { handshake: 22, data: 23 } as const;
const clientHello = 1;

function isHello(octets: Buffer): boolean {
  return octets[0] === record.handshake && octets[header] === clientHello;
}
