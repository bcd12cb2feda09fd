/**
 * A TCP relay that hands on at once what goes to the server, and late what comes back: a network with a round trip. What the
 * server needs to answer passes meanwhile.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { late } from '../../haraka-test-harness/late.cjs';

export interface Relay {
  readonly port: number;
  readonly to: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** Listens at 127.0.0.1. */
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
    let asked = performance.now();
    near.on('data', () => (asked = performance.now()));
    // Whichever delay is over first, what came first goes first.
    const waiting: (() => void)[] = [];
    const handOn = (step: () => void): void => {
      waiting.push(step);
      late(asked + roundTripMs - performance.now(), () => waiting.shift()?.());
    };
    far.on('data', (chunk) => handOn(() => near.write(chunk)));
    far.on('end', () => handOn(() => near.end()));
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
