/** Answers to start from, and ways to break them. */
import dnsPacket from 'dns-packet';
import { Packet } from 'dns2';
import { encodeAnswer, type LabRecord } from '../../dns/lab_resolver';

/** From 0 up to, but not including, 1. */
export type Random = () => number;

/** The same numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const tlsa: LabRecord = {
  type: 'TLSA',
  data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32, 0x5a) },
};

/** Well-formed answers of every kind, with compressed names and without, small ones and some of 64 KB. */
export function seedPackets(): Buffer[] {
  const name = 'mail.example.com';
  const small = [
    encodeAnswer({ id: 1, name, type: 'A' }, { ad: true, answers: [{ type: 'A', data: '192.0.2.1' }] }),
    encodeAnswer(
      { id: 2, name, type: 'AAAA' },
      { answers: [{ type: 'AAAA', data: '2001:db8::1' }], soa: 60 },
    ),
    encodeAnswer({ id: 3, name, type: 'TXT' }, { answers: [{ type: 'TXT', data: ['v=STSv1; ', 'id=1;'] }] }),
    encodeAnswer(
      { id: 4, name: `_25._tcp.${name}`, type: 'TLSA' },
      { ad: true, answers: [tlsa, tlsa, tlsa] },
    ),
    encodeAnswer({ id: 5, name, type: 'MX' }, { rcode: 3, soa: 300, ad: true }),
    encodeAnswer({ id: 6, name, type: 'MX' }, { rcode: 2, extendedError: 6 }),
    encodeAnswer(
      { id: 7, name, type: 'A' },
      {
        answers: [
          { type: 'CNAME', data: 'a.example.com' },
          { type: 'CNAME', name: 'a.example.com', data: 'b.example.com' },
          { type: 'A', name: 'b.example.com', data: '192.0.2.2' },
        ],
      },
    ),
    signed(),
    compressed(3),
    compressed(40),
  ];
  // The small ones many times, for the large ones take most of the time.
  return [...Array.from({ length: 25 }, () => small).flat(), ...largePackets()];
}

/** An answer with its signature, as a resolver gives it that was asked with DO. */
function signed(): Buffer {
  const typeCovered = 'A' as const;
  return dnsPacket.encode({
    type: 'response',
    id: 9,
    flags: 0x01a0,
    questions: [{ name: 'mail.example.com', type: 'A', class: 'IN' }],
    answers: [
      { name: 'mail.example.com', type: 'A', ttl: 300, data: '192.0.2.1' },
      {
        name: 'mail.example.com',
        type: 'RRSIG',
        ttl: 300,
        data: {
          typeCovered,
          algorithm: 13,
          labels: 3,
          originalTTL: 300,
          expiration: 2_000_000_000,
          inception: 1_700_000_000,
          keyTag: 4711,
          signersName: 'example.com',
          signature: Buffer.alloc(64, 9),
        },
      },
      { name: 'mail.example.com', type: 'A', ttl: 300, data: '192.0.2.2' },
    ],
  });
}

/** MX records whose names are compressed, and an alias beside them. */
function compressed(count: number): Buffer {
  const packet = new Packet(new Packet.Header({ id: 8, qr: 1, rd: 1, ra: 1 }));
  packet.questions = [new Packet.Question('example.com', Packet.TYPE.MX, Packet.CLASS.IN)];
  const resource = (fields: object) => Object.assign(new Packet.Resource(), { class: 1, ttl: 300 }, fields);
  packet.answers = [
    resource({ name: 'example.com', type: Packet.TYPE.CNAME, domain: 'www.example.com' }),
    ...Array.from({ length: count }, (_, i) =>
      resource({
        name: 'www.example.com',
        type: Packet.TYPE.MX,
        priority: i,
        exchange: `mx${i}.www.example.com`,
      }),
    ),
  ];
  packet.authorities = [resource({ name: 'example.com', type: Packet.TYPE.NS, ns: 'ns.example.com' })];
  return packet.toBuffer();
}

/** Up to 65,535 octets that are as much work as possible. */
function largePackets(): Buffer[] {
  const header = (answers: number) => {
    const bytes = Buffer.from('000981800001000000000000', 'hex');
    bytes.writeUInt16BE(answers, 6);
    return bytes;
  };
  const question = Buffer.from('016100' + '00100001', 'hex');
  const record = (owner: Buffer, type: number, data: Buffer) => {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(type, 0);
    fixed.writeUInt16BE(1, 2);
    fixed.writeUInt32BE(300, 4);
    fixed.writeUInt16BE(data.length, 8);
    return Buffer.concat([owner, fixed, data]);
  };
  const toQuestion = Buffer.from([0xc0, 12]);
  const message = (records: Buffer[]) => Buffer.concat([header(records.length), question, ...records]);
  /** A name of 127 labels of one octet. */
  const longName = Buffer.concat([Buffer.from('0161'.repeat(126), 'hex'), Buffer.from([0])]);
  const strings = Buffer.concat(
    Array.from({ length: 250 }, () => Buffer.concat([Buffer.from([255]), Buffer.alloc(255, 0x78)])),
  );
  const octets = Buffer.from('0178'.repeat(32_000), 'hex');
  const longOwner = (i: number) => (i === 0 ? longName : Buffer.from([0xc0, 12 + question.length]));
  return [
    message([record(toQuestion, 16, strings)]),
    message([record(toQuestion, 16, octets)]),
    message(
      Array.from({ length: 1000 }, (_, i) =>
        record(longOwner(i), 5, Buffer.from([0xc0, 12 + question.length])),
      ),
    ),
    message(
      Array.from({ length: 1000 }, (_, i) =>
        record(longOwner(i), 28, Buffer.alloc(i % 2 === 0 ? 16 : 48, i)),
      ),
    ),
    message(Array.from({ length: 240 }, () => record(longName, 16, Buffer.from([0])))),
    message(Array.from({ length: 4000 }, () => record(toQuestion, 1, Buffer.from([192, 0, 2, 1])))),
    message(Array.from({ length: 1000 }, () => record(toQuestion, 52, Buffer.alloc(50, 3)))),
    Buffer.concat([header(0xffff), question, Buffer.alloc(65_000)]),
  ].map((bytes) => bytes.subarray(0, 65_535));
}

const interesting = [0x00, 0x01, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff, 0x2e, 0x0c];

/** One to four changes to a copy of `packet`, mostly one, so that many survive them. */
export function mutate(packet: Buffer, others: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(packet);
  for (let changes = random() < 0.7 ? 1 : 2 + Math.floor(random() * 3); changes > 0; changes--)
    bytes = change(bytes, others, random);
  return bytes;
}

function change(bytes: Buffer, others: readonly Buffer[], random: Random): Buffer {
  const within = (limit: number) => Math.floor(random() * limit);
  if (bytes.length === 0) return Buffer.from([within(256)]);
  const at = within(bytes.length);
  switch (within(10)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << within(8));
      return bytes;
    case 1:
      bytes[at] = within(256);
      return bytes;
    case 2:
      bytes[at] = interesting[within(interesting.length)] ?? 0;
      return bytes;
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes, Buffer.alloc(1 + within(20), within(256))]).subarray(0, 65_535);
    case 5: {
      // A count, off by a little or by a lot.
      if (bytes.length < 12) return bytes;
      const field = 4 + 2 * within(4);
      bytes.writeUInt16BE(
        random() < 0.7 ? (bytes.readUInt16BE(field) + within(5) + 65_534) & 0xffff : within(65_536),
        field,
      );
      return bytes;
    }
    case 6:
      // A pointer to anywhere near the beginning.
      if (at + 2 <= bytes.length) bytes.writeUInt16BE(0xc000 | within(Math.min(bytes.length, 0x4000)), at);
      return bytes;
    case 7: {
      const end = Math.min(bytes.length, at + within(30));
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]).subarray(0, 65_535);
    }
    case 8:
      return Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(Math.min(bytes.length, at + 1 + within(8))),
      ]);
    default: {
      const other = others[within(others.length)] ?? bytes;
      return Buffer.concat([bytes.subarray(0, at), other.subarray(Math.min(at, other.length))]);
    }
  }
}
