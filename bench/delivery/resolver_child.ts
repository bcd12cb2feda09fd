/**
 * A resolver with a cache before the lab's DNS server, as mail servers have one: what the lab answered once is answered again,
 * octet for octet but for the ID, to whoever asks the same. So DNS costs all subjects alike, and little.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { inChild } from '../child';

export interface ResolverOrder {
  readonly address: string;
  /** The lab's DNS server, on 127.0.0.1. */
  readonly authority: number;
}

export interface ResolverReady {
  /** 53 where that may be used. */
  readonly port: number;
}

interface Waiting {
  readonly id: number;
  readonly from: RemoteInfo;
}

inChild(async ({ address, authority }: ResolverOrder): Promise<ResolverReady> => {
  const front = await bound(address);
  const back = createSocket('udp4');
  /** By the question, all of it but the ID. */
  const answers = new Map<string, Buffer>();
  const waiting = new Map<string, Waiting[]>();
  const asked = new Map<number, string>();
  let lastId = 0;

  const answer = (message: Buffer, { id, from }: Waiting): void => {
    const copy = Buffer.from(message);
    copy.writeUInt16BE(id);
    front.send(copy, from.port, from.address);
  };
  front.on('message', (message, from) => {
    const question = message.subarray(2).toString('latin1');
    const who = { id: message.readUInt16BE(), from };
    const known = answers.get(question);
    if (known !== undefined) {
      answer(known, who);
      return;
    }
    waiting.set(question, [...(waiting.get(question) ?? []), who]);
    lastId = (lastId + 1) % 65_536;
    asked.set(lastId, question);
    const copy = Buffer.from(message);
    copy.writeUInt16BE(lastId);
    back.send(copy, authority, '127.0.0.1');
  });
  back.on('message', (message) => {
    const question = asked.get(message.readUInt16BE());
    if (question === undefined) return;
    asked.delete(message.readUInt16BE());
    answers.set(question, message);
    for (const who of waiting.get(question) ?? []) answer(message, who);
    waiting.delete(question);
  });
  return { port: front.address().port };
});

async function bound(address: string): Promise<Socket> {
  for (const port of [53, 0]) {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    try {
      socket.bind(port, address);
      await once(socket, 'listening');
      return socket;
    } catch (error) {
      socket.close();
      if (port === 0) throw error;
    }
  }
  throw new Error('unreachable');
}
