/** The lab's DNS server and MX hosts at the addresses and ports where a mail server that knows nothing of the lab looks. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Takes connections at `at` and hands every octet on. */
export async function forwardTcp(at: Target, to: Target): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const host = connect({ host: to.address, port: to.port, allowHalfOpen: true });
    for (const [one, other] of [
      [client, host],
      [host, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        if (!other.writableEnded) other.end();
      });
      one.pipe(other);
    }
  });
  server.listen(at.port, at.address);
  await once(server, 'listening');
  return async () => {
    server.close();
    for (const socket of open) socket.destroy();
    await once(server, 'close');
  };
}

/** The same for questions and answers over UDP, a socket for each question. */
export async function forwardUdp(at: Target, to: Target): Promise<() => Promise<void>> {
  const front = createSocket('udp4');
  front.on('message', (question, from) => {
    const back = createSocket('udp4');
    const given = setTimeout(() => back.close(), 5000);
    back.on('message', (answer) => {
      clearTimeout(given);
      front.send(answer, from.port, from.address, () => back.close());
    });
    back.send(question, to.port, to.address);
  });
  front.bind(at.port, at.address);
  await once(front, 'listening');
  return async () => {
    front.close();
    await once(front, 'close');
  };
}
