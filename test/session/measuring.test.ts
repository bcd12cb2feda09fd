/** A session whose message cannot be read ends all the same. */
import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { SessionObserver } from '../../src/session/options';
import { outOfTime } from '../../src/session/patience';
import { Session } from '../../src/session/session';
import { TimeBudget } from '../../src/session/time_budget';

const nothing = (): void => undefined;
const observer: SessionObserver = {
  sent: nothing,
  received: nothing,
  data: nothing,
  warn: nothing,
  missingStartTls: nothing,
  secured: nothing,
  established: nothing,
};
const minute = 60_000;
const timeouts = {
  greeting: minute,
  ehlo: minute,
  tlsHandshake: minute,
  mail: minute,
  rcpt: minute,
  data: minute,
  dataBlock: minute,
  finalDot: minute,
  quit: minute,
};

it(
  'a message that is counted for ever costs no more than the attempt',
  { tags: ['regression'] },
  async () => {
    // It is counted because it is over this limit.
    const server = createServer((socket) => {
      socket.write('220 here\r\n');
      socket.once('data', () => socket.write('250-here\r\n250 SIZE 10\r\n'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    const path = { text: '<a@b.example>', ascii: '<a@b.example>' };
    const session = new Session({
      socket,
      timeouts,
      tls: 'none',
      message: {
        terms: {
          protocol: 'smtp',
          ehloName: 'client.example',
          tls: { kind: 'unwanted' },
          credentials: 'none',
          task: { kind: 'deliver', envelope: { from: path, recipients: [path], octets: 100 } },
        },
        budget: new TimeBudget(500, () => performance.now()),
        content: () => new PassThrough(),
        observer,
      },
    });
    expect(await session.run()).toMatchObject({
      kind: 'next_host',
      fault: { kind: 'lost', text: outOfTime },
    });
    await session.closed();
    server.close();
  },
);
