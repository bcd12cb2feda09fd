/**
 * A DNS server on loopback that answers as a validating resolver would: AD on what validates when the question asks
 * for it, SERVFAIL with an extended error where validation fails. Its records may change while it runs.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Packet, createTCPServer, createUDPServer, type DnsHandler } from 'dns2';

import { late } from './late.cjs';
import type { DnsRecord, EdnsBehaviour, LookupFate, RawRecordSet, RecordType, Validation } from './world';

/** A question as it was asked. */
export interface DnsQuestion {
  readonly name: string;
  /** `TYPE64` and the like where the lab knows no name for it. */
  readonly type: string;
  readonly transport: 'udp' | 'tcp';
  /** Whether the header asked for the AD bit (RFC 6840 section 5.7), or EDNS for DNSSEC records (RFC 3225). */
  readonly wants: { readonly ad: boolean; readonly do: boolean; readonly cd: boolean };
  readonly opt: 'with_opt' | 'without_opt';
}

export interface DnsServer {
  /** `127.0.0.1:port`, UDP and TCP. */
  readonly address: string;
  readonly port: number;
  /** Puts an RRset in place of what was there. */
  set(set: RawRecordSet): void;
  /** Leaves the name without that RRset. */
  remove(name: string, type: RecordType): void;
  /** Decides the lookups of one RRset, with or without records; the zone decides again after `set`. */
  fate(name: string, type: RecordType, fate: LookupFate): void;
  /** Says whether names at and below `zone` validate. */
  zone(zone: string, validation: Validation): void;
  /** Answers to this RRset leave `ms` milliseconds late. */
  delay(name: string, type: RecordType, ms: number): void;
  /** Becomes a server that makes this of EDNS. */
  edns(behaviour: EdnsBehaviour): void;
  /** Answers nothing at all until told to `answer` again. */
  fallSilent(): void;
  answer(): void;
  /** The questions so far, in order; those about one name (and type) where given. */
  questions(name?: string, type?: RecordType): readonly DnsQuestion[];
  stop(): Promise<void>;
}

const typeNumber: Readonly<Record<RecordType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  TLSA: 52,
};
const typeName = new Map(Object.entries(typeNumber).map(([name, number]) => [number, name as RecordType]));

const rcode = { noerror: 0, formerr: 1, servfail: 2, nxdomain: 3, notimp: 4, refused: 5 } as const;
const longestAliasChain = 12;

/** What the codec reads and writes beyond its own type declarations. */
type Header = Packet['header'] & { ad: number; cd: number };
type Resource = Packet['answers'][number];

interface RecordSet {
  readonly records: readonly DnsRecord[];
  readonly ttl: number;
  readonly fate: LookupFate | 'by_zone';
  readonly delayMs: number;
}

type Resolution =
  | {
      readonly kind: 'answer';
      readonly secure: boolean;
      readonly answers: readonly Answer[];
      readonly end: 'records' | 'nodata' | 'nxdomain';
    }
  | { readonly kind: 'failure'; readonly rcode: number; readonly bogus: boolean }
  | { readonly kind: 'no_answer' };

interface Answer {
  readonly name: string;
  readonly record: DnsRecord;
  readonly ttl: number;
}

/** Starts a server with nothing in it but the root, which validates. `wanted` is its port, 0 a free one. */
export async function startDnsServer(wanted = 0): Promise<DnsServer> {
  const sets = new Map<string, RecordSet>();
  const zones = new Map<string, Validation>();
  const asked: DnsQuestion[] = [];
  const delayed = new Set<() => void>();
  let listening = true;
  let edns: EdnsBehaviour = 'spoken';

  const key = (name: string, type: string): string => `${canonical(name)} ${type}`;
  const edit = (name: string, type: RecordType, change: Partial<RecordSet>): void => {
    const before = sets.get(key(name, type)) ?? { records: [], ttl: 300, fate: 'by_zone', delayMs: 0 };
    sets.set(key(name, type), { ...before, ...change });
  };

  function validationOf(name: string): Validation {
    for (let zone = canonical(name); ; zone = zone.slice(zone.indexOf('.') + 1)) {
      const found = zones.get(zone);
      if (found !== undefined) return found;
      if (!zone.includes('.')) return zones.get('') ?? 'insecure';
    }
  }

  function exists(name: string): boolean {
    const own = canonical(name);
    for (const [at, set] of sets) {
      const owner = at.slice(0, at.lastIndexOf(' '));
      if (set.records.length > 0 && (owner === own || owner.endsWith(`.${own}`))) return true;
    }
    return zones.has(own);
  }

  function resolve(name: string, type: string, checkingDisabled: boolean): Resolution {
    const answers: Answer[] = [];
    let secure = true;
    let owner = canonical(name);
    for (let hop = 0; hop < longestAliasChain; hop++) {
      const set = sets.get(key(owner, type));
      const alias = set === undefined && type !== 'CNAME' ? sets.get(key(owner, 'CNAME')) : undefined;
      const found = set ?? alias;
      const fate = found === undefined || found.fate === 'by_zone' ? validationOf(owner) : found.fate;
      if (fate === 'timeout') return { kind: 'no_answer' };
      if (fate === 'servfail') return { kind: 'failure', rcode: rcode.servfail, bogus: false };
      if (fate === 'refused') return { kind: 'failure', rcode: rcode.refused, bogus: false };
      if (fate === 'bogus' && !checkingDisabled)
        return { kind: 'failure', rcode: rcode.servfail, bogus: true };
      const negative = fate === 'nodata' || fate === 'nxdomain';
      secure = secure && (negative ? validationOf(owner) : fate) === 'secure';
      if (negative || found === undefined || found.records.length === 0) {
        const end = fate === 'nxdomain' || (!negative && !exists(owner)) ? 'nxdomain' : 'nodata';
        return { kind: 'answer', secure, answers, end };
      }
      answers.push(...found.records.map((record) => ({ name: owner, record, ttl: found.ttl })));
      const target = alias?.records[0];
      if (target?.type !== 'CNAME') return { kind: 'answer', secure, answers, end: 'records' };
      owner = canonical(target.target);
    }
    return { kind: 'failure', rcode: rcode.servfail, bogus: false };
  }

  const handle: DnsHandler = (request, send, client) => {
    const received = performance.now();
    const question = request.questions[0];
    if (question === undefined) return;
    const type = typeName.get(question.type) ?? `TYPE${question.type}`;
    const header = request.header as Header;
    const opt = request.additionals.find(({ type: number }) => number === Packet.TYPE.EDNS) as
      (Resource & { doFlag?: boolean }) | undefined;
    const transport = 'write' in client ? 'tcp' : 'udp';
    const wants = { ad: header.ad === 1, do: opt?.doFlag === true, cd: header.cd === 1 };
    const hasOpt = opt !== undefined;
    asked.push({
      name: canonical(question.name),
      type,
      transport,
      wants,
      opt: hasOpt ? 'with_opt' : 'without_opt',
    });
    if (!listening) return;
    if (hasOpt && (edns === 'dropped' || (edns === 'over_tcp' && transport === 'udp'))) return;
    if (hasOpt && (edns === 'formerr' || edns === 'notimp')) {
      void Promise.resolve(send(refusalOf(request, edns))).catch(() => undefined);
      return;
    }
    const speaks = hasOpt && edns !== 'ignored';
    const resolution = resolve(question.name, type, wants.cd);
    if (resolution.kind === 'no_answer') return;
    const room = transport === 'tcp' ? 65_535 : Math.max(512, speaks ? opt.class : 512);
    const message = encode(request, resolution, wants, speaks, room);
    const answer = (): void => void Promise.resolve(send(message)).catch(() => undefined);
    const delayMs = sets.get(key(question.name, type))?.delayMs ?? 0;
    if (delayMs === 0) {
      answer();
      return;
    }
    const callOff = late(received + delayMs - performance.now(), () => {
      delayed.delete(callOff);
      answer();
    });
    delayed.add(callOff);
  };

  const connections = new Set<Socket>();
  const { udp, tcp, port } = await listenOnBoth(handle, wanted);
  tcp.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => connections.delete(socket));
  });

  zones.set('', 'secure');
  edit('', 'NS', { records: [{ type: 'NS', target: 'a.root-servers.example' }] });

  return {
    address: `127.0.0.1:${port}`,
    port,
    set: ({ name, type, records, fate, ttl }) =>
      edit(name, type, { records, fate: fate ?? 'by_zone', ttl: ttl ?? 300 }),
    remove: (name, type) => void sets.delete(key(name, type)),
    fate: (name, type, fate) => edit(name, type, { fate }),
    zone: (zone, validation) => void zones.set(canonical(zone), validation),
    delay: (name, type, delayMs) => edit(name, type, { delayMs }),
    edns: (behaviour) => {
      edns = behaviour;
    },
    fallSilent: () => {
      listening = false;
    },
    answer: () => {
      listening = true;
    },
    questions: (name, type) =>
      asked.filter(
        (question) =>
          (name === undefined || question.name === canonical(name)) &&
          (type === undefined || question.type === type),
      ),
    stop: async () => {
      delayed.forEach((callOff) => callOff());
      connections.forEach((socket) => socket.destroy());
      const closed = Promise.all([once(udp, 'close'), once(tcp, 'close')]);
      udp.close();
      tcp.close();
      await closed;
    },
  };
}

/** The same free port for UDP and TCP; the TCP port may be taken by another process, so several are tried. */
async function listenOnBoth(
  handle: DnsHandler,
  wanted: number,
): Promise<{
  udp: ReturnType<typeof createUDPServer>;
  tcp: ReturnType<typeof createTCPServer>;
  port: number;
}> {
  for (let attempt = 1; ; attempt++) {
    const udp = createUDPServer(handle);
    await udp.listen(wanted, '127.0.0.1');
    const { port } = udp.address();
    const tcp = createTCPServer(handle);
    const listening = once(tcp, 'listening');
    tcp.listen(port, '127.0.0.1');
    try {
      await listening;
      // What cannot be parsed gets no answer.
      udp.on('requestError', () => undefined);
      tcp.on('requestError', () => undefined);
      return { udp, tcp, port };
    } catch (error) {
      udp.close();
      if (attempt === 20) throw error;
    }
  }
}

/** As servers refuse that know no EDNS. The one does not even repeat the question. */
function refusalOf(request: Packet, how: 'formerr' | 'notimp'): Buffer {
  const response = Packet.createResponseFromRequest(request);
  response.header.rcode = rcode[how];
  if (how === 'formerr') response.questions = [];
  return response.toBuffer();
}

function encode(
  request: Packet,
  resolution: Exclude<Resolution, { kind: 'no_answer' }>,
  wants: DnsQuestion['wants'],
  edns: boolean,
  room: number,
): Buffer {
  const response = Packet.createResponseFromRequest(request);
  const header = response.header as Header;
  header.ra = 1;
  header.cd = wants.cd ? 1 : 0;
  if (resolution.kind === 'failure') {
    header.rcode = resolution.rcode;
  } else {
    header.rcode = resolution.end === 'nxdomain' ? rcode.nxdomain : rcode.noerror;
    header.ad = resolution.secure && (wants.ad || wants.do) ? 1 : 0;
    response.answers = resolution.answers.map(resource);
    if (resolution.end !== 'records') response.authorities = [startOfAuthority()];
  }
  const options = resolution.kind === 'failure' && resolution.bogus ? dnssecBogus() : Buffer.alloc(0);
  const whole = withOpt(response.toBuffer(), edns, wants.do, options);
  if (whole.length <= room) return whole;
  // Encoding gave the response a header of its own.
  response.header.tc = 1;
  response.answers = [];
  response.authorities = [];
  return withOpt(response.toBuffer(), edns, wants.do, options);
}

/** Appends the OPT record by hand: the codec cannot write options that it does not know. */
function withOpt(message: Buffer, edns: boolean, dnssecOk: boolean, options: Buffer): Buffer {
  if (!edns) return message;
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(41, 1);
  opt.writeUInt16BE(1232, 3);
  opt.writeUInt16BE(dnssecOk ? 0x8000 : 0, 7);
  opt.writeUInt16BE(options.length, 9);
  message.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return Buffer.concat([message, opt, options]);
}

/** Extended DNS error 6, DNSSEC Bogus (RFC 8914 section 4.7). */
function dnssecBogus(): Buffer {
  const text = Buffer.from('validation failed in the lab');
  const option = Buffer.alloc(6);
  option.writeUInt16BE(15, 0);
  option.writeUInt16BE(2 + text.length, 2);
  option.writeUInt16BE(6, 4);
  return Buffer.concat([option, text]);
}

function resource({ name, record, ttl }: Answer): Resource {
  const base = { name, type: typeNumber[record.type], class: Packet.CLASS.IN, ttl };
  return { ...base, ...rdata(record) } as unknown as Resource;
}

function rdata(record: DnsRecord): Record<string, unknown> {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { address: record.address };
    case 'MX':
      return { priority: record.preference, exchange: record.exchange };
    case 'TXT':
      return {
        data: (typeof record.text === 'string' ? [record.text] : record.text).flatMap(characterStrings),
      };
    case 'CNAME':
      return { domain: record.target };
    case 'NS':
      return { ns: record.target };
    case 'TLSA':
      return { data: Buffer.from([record.usage, record.selector, record.matchingType, ...record.data]) };
  }
}

/** A character-string holds 255 octets at most (RFC 1035 section 3.3). */
function characterStrings(text: string): Buffer[] {
  const octets = Buffer.from(text, 'latin1');
  const strings: Buffer[] = [];
  for (let at = 0; at < octets.length || at === 0; at += 255) strings.push(octets.subarray(at, at + 255));
  return strings;
}

function startOfAuthority(): Resource {
  const soa = {
    name: 'example',
    type: Packet.TYPE.SOA,
    class: Packet.CLASS.IN,
    ttl: 60,
    primary: 'ns.example',
    admin: 'hostmaster.example',
    serial: 1,
    refresh: 3600,
    retry: 600,
    expiration: 86400,
    minimum: 60,
  };
  return soa as unknown as Resource;
}

function canonical(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
