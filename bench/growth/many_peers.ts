/** A DNS server for any number of peers: each name has one MX host, and all share ten hosts, whose addresses are known. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Every answer is by so much late, as over a network. Milliseconds. */
const roundTripMs = 20;
const typeMx = 15;
const typeA = 1;

export async function startManyPeers(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const answer = answerTo(query);
    setTimeout(() => socket.send(answer, port, address, () => undefined), roundTripMs);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    stop: async () => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

/** The question repeated, and what there is to it (RFC 1035 section 4.1). */
function answerTo(query: Buffer): Buffer {
  let end = 12;
  while ((query[end] ?? 0) !== 0) end += 1 + (query[end] ?? 0);
  const question = query.subarray(12, end + 5);
  const type = query.readUInt16BE(end + 1);
  const records = recordsFor(type, query.subarray(13, end).toString('latin1'));
  const header = Buffer.from(query.subarray(0, 12));
  // QR, RD and RA; neither authority nor additional records.
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, question, ...records]);
}

function recordsFor(type: number, name: string): Buffer[] {
  if (type === typeMx) {
    const host = Number(/\d+/.exec(name)?.[0] ?? 0) % 10;
    const exchange = Buffer.from(`\x00\x0a\x03mx${host}\x07example\x00`, 'latin1');
    return [record(typeMx, exchange)];
  }
  return type === typeA ? [record(typeA, Buffer.from([127, 20, 0, 1]))] : [];
}

/** A record whose owner is the name asked for. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(3600, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
