/** A resolver made of data, on 127.0.0.1: it answers over UDP and TCP what a table says, well or badly. */
import dnsPacket, { type Answer as PacketAnswer, type Packet } from 'dns-packet';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connect, createServer as createTlsServer, type ConnectionOptions } from 'node:tls';
import type { ResolverServer } from '../../src/dns/server';

/** dns-packet's own types know only some of the record types that its code does. */
export type LabRecord =
  | { type: 'A' | 'AAAA' | 'CNAME'; data: string }
  | { type: 'MX'; data: { preference: number; exchange: string } }
  | { type: 'TXT'; data: string | string[] }
  | { type: 'TLSA'; data: { usage: number; selector: number; matchingType: number; certificate: Buffer } };

export interface LabAnswer {
  /** Records under the name asked for, or under `name` where they have one. */
  readonly answers?: readonly (LabRecord & { name?: string; ttl?: number })[];
  readonly rcode?: number;
  readonly ad?: boolean;
  readonly tc?: boolean;
  /** TTL and MINIMUM of the SOA in the authority section; none where absent. */
  readonly soa?: number;
  /** INFO-CODE of an Extended DNS Error. */
  readonly extendedError?: number;
  /** Whether there is an OPT record, as that of a resolver that speaks EDNS; `present` where absent. */
  readonly opt?: 'present' | 'left_out';
}

/** Opens TLS connections that trust `root` (PEM) alone: the default roots are dear to load, and no lab is below them. */
export const trusting = (root: string) => (options: ConnectionOptions) => connect({ ...options, ca: [root] });

/** What a scripted resolver may do with one query instead of answering from the table. */
export type Behaviour = (
  query: LabQuery,
) => Buffer | readonly Buffer[] | LabAnswer | 'silence' | Promise<Buffer | LabAnswer>;

export interface LabQuery {
  readonly bytes: Buffer;
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly over: 'udp' | 'tcp';
  readonly opt: 'with_opt' | 'without_opt';
  /** Where it came from. */
  readonly port: number;
  /** The open connection, for those that misbehave on it. */
  readonly socket?: Socket;
}

/** `example.com MX` to what is answered. */
export type Zone = Readonly<Record<string, LabAnswer | Behaviour>>;

export class LabResolver {
  readonly queries: LabQuery[] = [];
  readonly #udp = createSocket('udp4');
  readonly #sockets = new Set<Socket>();
  readonly #tcp;
  readonly #zone: Zone;
  readonly #otherwise: LabAnswer | Behaviour;
  #port = 0;

  private constructor(zone: Zone, otherwise: LabAnswer | Behaviour, tls?: { key: string; cert: string }) {
    this.#zone = zone;
    this.#otherwise = otherwise;
    const serve = (socket: Socket) => this.#serveStream(socket);
    this.#tcp =
      tls === undefined
        ? createServer(serve)
        : createTlsServer({ ...tls, ciphers: 'DEFAULT:@SECLEVEL=0' }, serve);
    this.#tcp.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** Both transports on one ephemeral port. `otherwise`: for questions that the zone does not hold; a signed NXDOMAIN by default. */
  static async start(
    zone: Zone,
    {
      otherwise = { rcode: 3, ad: true, soa: 60 },
      tls,
    }: { otherwise?: LabAnswer | Behaviour; tls?: { key: string; cert: string } } = {},
  ): Promise<LabResolver> {
    for (;;) {
      const lab = new LabResolver(zone, otherwise, tls);
      lab.#tcp.listen(0, '127.0.0.1');
      await once(lab.#tcp, 'listening');
      lab.#port = (lab.#tcp.address() as AddressInfo).port;
      lab.#udp.on('message', (bytes, from) => void lab.#onDatagram(bytes, from));
      const bound = await new Promise<boolean>((resolve) => {
        lab.#udp.once('error', () => resolve(false));
        lab.#udp.bind(lab.#port, '127.0.0.1', () => resolve(true));
      });
      if (bound) return lab;
      // Somebody else's port for UDP: another try.
      lab.#tcp.close();
    }
  }

  get port(): number {
    return this.#port;
  }

  get server(): ResolverServer {
    return { transport: 'udp', address: '127.0.0.1', port: this.#port };
  }

  /** What was asked, in order, such as `example.com MX`. */
  get asked(): string[] {
    return this.queries.map(({ name, type }) => `${name} ${type}`);
  }

  /** Sends a datagram from the resolver's own port, unasked. */
  send(datagram: Buffer, port: number): void {
    this.#udp.send(datagram, port, '127.0.0.1');
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ]);
  }

  async #onDatagram(bytes: Buffer, from: RemoteInfo): Promise<void> {
    for (const reply of await this.#reply(bytes, 'udp', from.port))
      this.#udp.send(reply, from.port, from.address);
  }

  #serveStream(socket: Socket): void {
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const query = received.subarray(2, end);
        received = received.subarray(end);
        void this.#reply(query, 'tcp', socket.remotePort ?? 0, socket).then((replies) => {
          for (const reply of replies) socket.write(framed(reply));
        });
      }
    });
  }

  async #reply(
    bytes: Buffer,
    over: 'udp' | 'tcp',
    port: number,
    socket?: Socket,
  ): Promise<readonly Buffer[]> {
    const { id = 0, questions = [], additionals = [] } = dnsPacket.decode(bytes);
    const [{ name, type } = { name: '', type: 'A' }] = questions;
    const query: LabQuery = {
      bytes,
      id,
      name,
      type,
      over,
      opt: additionals.some((record) => record.type === 'OPT') ? 'with_opt' : 'without_opt',
      port,
      ...(socket === undefined ? {} : { socket }),
    };
    this.queries.push(query);
    const scripted = this.#zone[`${name} ${type}`] ?? this.#otherwise;
    const answer = await (typeof scripted === 'function' ? scripted(query) : scripted);
    if (answer === 'silence') return [];
    if (Buffer.isBuffer(answer)) return [answer];
    if (Array.isArray(answer)) return answer as readonly Buffer[];
    return [encodeAnswer(query, answer as LabAnswer)];
  }
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** A well-formed answer to `query`. */
export function encodeAnswer(
  { id, name, type }: Pick<LabQuery, 'id' | 'name' | 'type'>,
  answer: LabAnswer,
): Buffer {
  const { answers = [], rcode = 0, ad = false, tc = false, soa, extendedError, opt = 'present' } = answer;
  const flags = 0x0180 | (tc ? 0x0200 : 0) | (ad ? 0x0020 : 0) | (rcode & 0xf);
  const options =
    extendedError === undefined
      ? []
      : [{ code: 15, data: Buffer.from([extendedError >> 8, extendedError & 0xff]) }];
  const packet = {
    type: 'response',
    id,
    flags,
    questions: [{ name, type, class: 'IN' }],
    answers: answers.map((record) => ({ name, ttl: 300, class: 'IN', ...record })) as PacketAnswer[],
    authorities:
      soa === undefined
        ? []
        : [
            {
              name: '.',
              type: 'SOA',
              ttl: soa,
              data: { mname: 'ns', rname: 'root', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: soa },
            },
          ],
    additionals:
      opt === 'left_out'
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: 1232,
              extendedRcode: rcode >> 4,
              ednsVersion: 0,
              flags: 0x8000,
              flag_do: true,
              options,
            },
          ],
  };
  return dnsPacket.encode(packet as unknown as Packet);
}
