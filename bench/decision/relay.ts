/** A TCP relay that hands on at once what goes to the server, and late what comes back: a network with a round trip. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { late } from '../../haraka-test-harness/late.cjs';

export interface Relay {
  readonly port: number;
  readonly to: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** Listens at 127.0.0.1. What is late stays in order. */
export async function startRelay(to: Relay['to'], roundTripMs: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far);
    far.on('data', (chunk) => void late(roundTripMs, () => near.write(chunk)));
    far.on('end', () => void late(roundTripMs, () => near.end()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    to,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}
