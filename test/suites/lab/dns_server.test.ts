import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { once } from 'node:events';
import { decode, encode, type DecodedPacket as Decoded, type Packet } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startDnsServer, type DnsServer } from '../../../haraka-test-harness/dns_server';
import type { LookupFate, RecordType } from '../../../haraka-test-harness/world';

/** The type declarations of the codec leave out the response code. */
type DecodedPacket = Decoded & { readonly rcode: string };

/** Asks with another codec than the server's own. */
interface Ask {
  readonly name: string;
  readonly type: RecordType;
  readonly flags?: number;
  readonly edns?: 'do' | 'plain' | 'none';
}

const AD = 1 << 5;
const CD = 1 << 4;
const RD = 1 << 8;
const anyAddress = [{ type: 'A', address: '192.0.2.1' } as const];

function packetFor({ name, type, flags = RD | AD, edns = 'do' }: Ask): Packet {
  const opt = { type: 'OPT' as const, name: '.', udpPayloadSize: 1232, flags: edns === 'do' ? 1 << 15 : 0 };
  return {
    type: 'query',
    id: 7,
    flags,
    questions: [{ name, type }],
    additionals:
      edns === 'none'
        ? []
        : [{ ...opt, extendedRcode: 0, ednsVersion: 0, flag_do: edns === 'do', options: [] }],
  };
}

async function askUdp(server: DnsServer, ask: Ask): Promise<DecodedPacket> {
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(2000) });
    socket.send(encode(packetFor(ask)), server.port, '127.0.0.1');
    const [message] = (await answer) as [Buffer];
    return decode(message) as DecodedPacket;
  } finally {
    socket.close();
  }
}

async function askTcp(server: DnsServer, ask: Ask): Promise<DecodedPacket> {
  const query = encode(packetFor(ask));
  const socket = connect(server.port, '127.0.0.1');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    const all = Buffer.concat(chunks);
    if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) {
      socket.destroy();
      return decode(all.subarray(2)) as DecodedPacket;
    }
  }
  throw new Error('no answer over TCP');
}

describe('the DNS server', () => {
  let server: DnsServer;
  beforeEach(async () => {
    server = await startDnsServer();
  });
  afterEach(() => server.stop());

  it.each<[string, number, NonNullable<Ask['edns']>, boolean]>([
    ['AD', RD | AD, 'none', true],
    ['DO', RD, 'do', true],
    ['neither', RD, 'plain', false],
  ])('says that an answer is validated to a question with %s', async (_, flags, edns, ad) => {
    server.zone('signed.example', 'secure');
    server.set({ name: 'a.signed.example', type: 'A', records: anyAddress });
    const answer = await askUdp(server, { name: 'a.signed.example', type: 'A', flags, edns });
    expect(answer.flag_ad).toBe(ad);
    expect(answer.answers).toMatchObject([{ name: 'a.signed.example', type: 'A', data: '192.0.2.1' }]);
  });

  it.each<[LookupFate, string, boolean]>([
    ['secure', 'NOERROR', true],
    ['insecure', 'NOERROR', false],
    ['bogus', 'SERVFAIL', false],
    ['servfail', 'SERVFAIL', false],
    ['refused', 'REFUSED', false],
    ['nodata', 'NOERROR', true],
    ['nxdomain', 'NXDOMAIN', true],
  ])('answers a lookup that is %s with %s', async (fate, rcode, ad) => {
    server.zone('signed.example', 'secure');
    server.set({ name: 'a.signed.example', type: 'A', records: anyAddress, fate });
    const answer = await askUdp(server, { name: 'a.signed.example', type: 'A' });
    expect([answer.rcode, answer.flag_ad]).toEqual([rcode, ad]);
  });

  it('explains a SERVFAIL with extended error 6 where validation failed, and answers under CD', async () => {
    server.set({ name: 'a.example', type: 'A', records: anyAddress, fate: 'bogus' });
    const bogus = await askUdp(server, { name: 'a.example', type: 'A' });
    const options = bogus.additionals?.flatMap((one) => (one.type === 'OPT' ? one.options : []));
    expect(options).toMatchObject([{ code: 15 }]);
    const checked = await askUdp(server, { name: 'a.example', type: 'A', flags: RD | CD });
    expect([checked.rcode, checked.flag_ad, checked.answers?.length]).toEqual(['NOERROR', false, 1]);
  });

  it('calls an alias secure only where each step of it is', async () => {
    server.zone('signed.example', 'secure');
    server.zone('open.example', 'insecure');
    for (const target of ['b.signed.example', 'b.open.example']) {
      server.set({ name: target, type: 'A', records: anyAddress });
    }
    server.set({
      name: 'in.signed.example',
      type: 'CNAME',
      records: [{ type: 'CNAME', target: 'b.signed.example' }],
    });
    server.set({
      name: 'out.signed.example',
      type: 'CNAME',
      records: [{ type: 'CNAME', target: 'b.open.example' }],
    });
    const inside = await askUdp(server, { name: 'in.signed.example', type: 'A' });
    const outside = await askUdp(server, { name: 'out.signed.example', type: 'A' });
    expect([inside.flag_ad, inside.answers?.length]).toEqual([true, 2]);
    expect([outside.flag_ad, outside.answers?.length]).toEqual([false, 2]);
  });

  it('tells a name without such records from a name that does not exist', async () => {
    server.set({ name: 'deep.under.example', type: 'A', records: anyAddress });
    const rcodes = await Promise.all(
      ['deep.under.example', 'under.example', 'nothing.example'].map(
        async (name) => (await askUdp(server, { name, type: 'MX' })).rcode,
      ),
    );
    expect(rcodes).toEqual(['NOERROR', 'NOERROR', 'NXDOMAIN']);
  });

  it('truncates over UDP what does not fit, and gives it whole over TCP', async () => {
    const records = Array.from(
      { length: 40 },
      (_, i) => ({ type: 'TXT', text: `${i} ${'x'.repeat(80)}` }) as const,
    );
    server.set({ name: 'long.example', type: 'TXT', records });
    const udp = await askUdp(server, { name: 'long.example', type: 'TXT' });
    expect([udp.flag_tc, udp.answers?.length]).toEqual([true, 0]);
    const tcp = await askTcp(server, { name: 'long.example', type: 'TXT' });
    expect([tcp.flag_tc, tcp.answers?.length]).toEqual([false, 40]);
    expect(server.questions('long.example').map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  it('answers with what its records are now', async () => {
    const ask = { name: 'a.example', type: 'A' } as const;
    const lengths: (number | undefined)[] = [];
    server.set({ ...ask, records: anyAddress });
    lengths.push((await askUdp(server, ask)).answers?.length);
    server.remove('a.example', 'A');
    lengths.push((await askUdp(server, ask)).answers?.length);
    expect(lengths).toEqual([1, 0]);
  });

  it('leaves a question unanswered where told to, and the others answered', async () => {
    server.set({ name: 'a.example', type: 'A', records: anyAddress, fate: 'timeout' });
    server.set({ name: 'b.example', type: 'A', records: anyAddress });
    const lost = createSocket('udp4');
    const heard: unknown[] = [];
    lost.on('message', (message) => heard.push(message));
    const query = encode(packetFor({ name: 'a.example', type: 'A' }));
    await new Promise((sent) => lost.send(query, server.port, '127.0.0.1', sent));
    await askUdp(server, { name: 'b.example', type: 'A' });
    // The second question came after the first on the same server, and its answer is here.
    expect(server.questions('a.example')).toHaveLength(1);
    expect(heard).toEqual([]);
    lost.close();
  });

  it('holds an answer back for as long as told', async () => {
    server.set({ name: 'slow.example', type: 'A', records: anyAddress });
    server.set({ name: 'fast.example', type: 'A', records: anyAddress });
    server.delay('slow.example', 'A', 150);
    const order: string[] = [];
    await Promise.all(
      ['slow.example', 'fast.example'].map(async (name) => {
        await askUdp(server, { name, type: 'A' });
        order.push(name);
      }),
    );
    expect(order).toEqual(['fast.example', 'slow.example']);
  });
});
