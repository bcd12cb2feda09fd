/**
 * Mutated DNS answers: `npm run fuzz -- dns [packets] [seed]`. Three things are held: nothing but a refusal comes of any
 * of them, none takes longer than `slowestMs`, and where dns-packet accepts one too, both read the same.
 */
import dnsPacket from 'dns-packet';
import { SocketAddress } from 'node:net';
import { ipv6Text } from '../../../src/dns/query';
import { recordTypes, type Question, type RecordType } from '../../../src/dns/question';
import { readAnswer } from '../../../src/dns/reading';
import {
  readAddress4,
  readAddress6,
  readMessage,
  readMx,
  readNameData,
  readText,
  readTlsa,
  WireError,
  type WireMessage,
  type WireRecord,
} from '../../../src/dns/wire';
import { mutate, randomFrom, seedPackets, type Random } from './dns_packets';

const slowestMs = 5;
/** What takes longer than this is timed again, for the machine does other things too. */
const noticedMs = 1;
const large = 60_000;

type Causes = Map<string, number>;

interface Tally {
  packets: number;
  largePackets: number;
  bothAccept: number;
  /** Of those that both accept: compared up to a record by which dns-packet may lose its place. */
  inPart: number;
  bothRefuse: number;
  /** Accepted by dns-packet only, by our cause; and the other way round, by its cause. */
  theirsOnly: Causes;
  oursOnly: Causes;
  slowest: { ms: number; octets: number };
  slowestLargeMs: number;
  readings: Causes;
  faults: string[];
}

export function run([count = '250000', seedText = `${Date.now() % 1_000_000}`]: string[]): Promise<number> {
  const random = randomFrom(Number(seedText));
  const seeds = seedPackets();
  const tally: Tally = {
    packets: 0,
    largePackets: 0,
    bothAccept: 0,
    inPart: 0,
    bothRefuse: 0,
    theirsOnly: new Map(),
    oursOnly: new Map(),
    slowest: { ms: 0, octets: 0 },
    slowestLargeMs: 0,
    readings: new Map(),
    faults: [],
  };
  for (const seed of seeds) examine(seed, random, tally);
  while (tally.packets < Number(count) && tally.faults.length < 10) {
    examine(mutate(pick(seeds, random), seeds, random), random, tally);
    if (tally.packets % 50_000 === 0) console.log(`${tally.packets} packets, ${tally.faults.length} faults`);
  }
  report(tally, seedText);
  return Promise.resolve(tally.faults.length === 0 ? 0 : 1);
}

function examine(bytes: Buffer, random: Random, tally: Tally): void {
  tally.packets++;
  if (bytes.length >= large) tally.largePackets++;
  const ours = timed(bytes, tally);
  const theirs = attempt(() => dnsPacket.decode(bytes) as Decoded);
  if (ours instanceof Error && !(ours instanceof WireError)) {
    tally.faults.push(`${String(ours)} for ${bytes.toString('hex')}`);
    return;
  }
  if (!(ours instanceof Error)) readAll(ours.message, random, bytes, tally);
  if (ours instanceof Error) {
    if (theirs instanceof Error) tally.bothRefuse++;
    else add(tally.theirsOnly, ours.message);
  } else if (theirs instanceof Error) add(tally.oursOnly, theirs.message);
  else {
    tally.bothAccept++;
    if (!comparable(theirs).rest) tally.inPart++;
    const difference = differenceOf(ours, theirs);
    if (difference !== undefined) tally.faults.push(`${difference} in ${bytes.toString('hex')}`);
  }
}

/** A message with the data of its answers. */
interface Ours {
  readonly message: WireMessage;
  readonly data: readonly unknown[];
}

function parse(bytes: Buffer): Ours {
  const message = readMessage(bytes);
  return { message, data: message.answers.map((record) => dataOf(message.bytes, record)) };
}

const readers: Readonly<Record<number, (bytes: Uint8Array, record: WireRecord) => unknown>> = {
  [recordTypes.A]: readAddress4,
  [recordTypes.AAAA]: (bytes, record) => sameIpv6(ipv6Text(readAddress6(bytes, record))),
  [recordTypes.CNAME]: readNameData,
  [recordTypes.NS]: readNameData,
  [recordTypes.MX]: (bytes, record) => {
    const { preference, exchange } = readMx(bytes, record);
    return { preference, exchange: unescaped(exchange) };
  },
  [recordTypes.TXT]: readText,
  [recordTypes.TLSA]: (bytes, record) => {
    const { usage, selector, matchingType, data } = readTlsa(bytes, record);
    return { usage, selector, matchingType, data: Buffer.from(data).toString('hex') };
  },
};

function dataOf(bytes: Uint8Array, record: WireRecord): unknown {
  return readers[record.type]?.(bytes, record) ?? 'unread';
}

/** Parses `bytes` and notes how long that took, at best. */
function timed(bytes: Buffer, tally: Tally): Ours | Error {
  const start = performance.now();
  const ours = attempt(() => parse(bytes));
  let ms = performance.now() - start;
  for (let again = 0; ms > noticedMs && again < 5; again++) {
    const restart = performance.now();
    attempt(() => parse(bytes));
    ms = Math.min(ms, performance.now() - restart);
  }
  if (ms > tally.slowest.ms) tally.slowest = { ms, octets: bytes.length };
  if (bytes.length >= large) tally.slowestLargeMs = Math.max(tally.slowestLargeMs, ms);
  if (ms > slowestMs) tally.faults.push(`${ms.toFixed(1)} ms for ${bytes.length} octets`);
  return ours;
}

/** Reads the message as the answer to its own question, which must come to a reading as well. */
function readAll(message: WireMessage, random: Random, bytes: Buffer, tally: Tally): void {
  const types = Object.keys(recordTypes) as RecordType[];
  const type = types.find((known) => recordTypes[known] === message.question.type) ?? pick(types, random);
  const question: Question = { name: message.question.name, type };
  const reading = attempt(() => readAnswer(message, question));
  if (reading instanceof Error) tally.faults.push(`${String(reading)} for ${bytes.toString('hex')}`);
  else add(tally.readings, reading.kind === 'failed' ? `failed (${reading.cause})` : reading.kind);
}

/** What dns-packet returns; its own types leave out most of it. */
interface Decoded {
  id: number;
  flags: number;
  type: 'query' | 'response';
  questions: { name: string; type: string; class: string }[];
  answers: { name: string; type: string; class: string; ttl: number; data: unknown }[];
  authorities: { type: string }[];
  additionals: { type: string; extendedRcode?: number; options?: { code: number; data: Buffer }[] }[];
}

/**
 * Types that dns-packet reads by their own structure whatever RDLENGTH says, so that it may lose its place; what
 * follows such a record is not compared.
 */
const readBlindly = new Set(['PTR', 'HINFO', 'RP', 'AFSDB', 'SRV', 'NAPTR', 'DNAME', 'SSHFP', 'CAA']);

/** How many of the answers can be compared, and whether what follows them can. */
function comparable(theirs: Decoded): { readonly answers: number; readonly rest: boolean } {
  const lost = theirs.answers.findIndex(({ type }) => readBlindly.has(type));
  const after = [...theirs.authorities, ...theirs.additionals].some(({ type }) => readBlindly.has(type));
  return { answers: lost === -1 ? theirs.answers.length : lost, rest: lost === -1 && !after };
}

/** The first thing that the two read differently. */
function differenceOf({ message, data }: Ours, theirs: Decoded): string | undefined {
  const { answers, rest } = comparable(theirs);
  const pairs: [string, unknown, unknown][] = [
    ['id', message.header.id, theirs.id],
    ['QR', message.header.isResponse, theirs.type === 'response'],
    ['opcode', message.header.opcode, (theirs.flags >> 11) & 0xf],
    ['TC', message.header.truncated, (theirs.flags & 0x200) !== 0],
    ['AD', message.header.authenticData, (theirs.flags & 0x20) !== 0],
    ['question', message.question.name, sameName(theirs.questions[0]?.name ?? '')],
    ['answers', message.answers.length, theirs.answers.length],
    ...(rest ? afterAnswers(message, theirs) : []),
    ...message.answers.slice(0, answers).flatMap((record, i): [string, unknown, unknown][] => {
      const other = theirs.answers[i];
      // An OPT record has no class and no TTL.
      if (other === undefined || other.type === 'OPT') return [];
      return [
        [`owner ${i}`, record.name, sameName(other.name)],
        [`TTL ${i}`, record.ttl, other.ttl > 0x7fffffff ? 0 : other.ttl],
        [`data ${i}`, JSON.stringify(data[i]), JSON.stringify(theirData(other, record.type))],
      ];
    }),
  ];
  const different = pairs.find(([, ours, other]) => ours !== other);
  return different === undefined
    ? undefined
    : `${different[0]}: ${String(different[1])} or ${String(different[2])}`;
}

/** What the authority and additional sections say. */
function afterAnswers(message: WireMessage, theirs: Decoded): [string, unknown, unknown][] {
  const opt = theirs.additionals.find(({ type }) => type === 'OPT');
  return [
    ['RCODE', message.rcode, (theirs.flags & 0xf) | ((opt?.extendedRcode ?? 0) << 4)],
    ['OPT', message.hasOpt, opt !== undefined],
    ['SOAs', message.soas.length, theirs.authorities.filter(({ type }) => type === 'SOA').length],
    [
      'extended errors',
      message.extendedErrors.join(),
      (opt?.options ?? [])
        .filter(({ code }) => code === 15)
        .map(({ data }) => data.readUInt16BE(0))
        .join(),
    ],
  ];
}

function theirData({ data }: { data: unknown }, type: number): unknown {
  switch (type) {
    case recordTypes.AAAA:
      return sameIpv6(data as string);
    case recordTypes.CNAME:
    case recordTypes.NS:
      return sameName(data as string);
    case recordTypes.MX: {
      const { preference, exchange } = data as { preference: number; exchange: string };
      return { preference, exchange: sameName(exchange) };
    }
    case recordTypes.TXT:
      return Buffer.concat(data as Buffer[]).toString('latin1');
    case recordTypes.TLSA: {
      const { usage, selector, matchingType, certificate } = data as Record<string, unknown>;
      return { usage, selector, matchingType, data: (certificate as Buffer).toString('hex') };
    }
    default:
      return type === recordTypes.A ? data : 'unread';
  }
}

/** dns-packet writes the octets of a label as they are. */
function unescaped(name: string): string {
  const octets = name.replaceAll(/\\(\d{3})/g, (_escape, code) => String.fromCharCode(Number(code)));
  return Buffer.from(octets, 'latin1').toString('utf8');
}

function sameName(name: string): string {
  return (name === '.' ? '' : name).replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function sameIpv6(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function pick<T>(list: readonly T[], random: Random): T {
  const chosen = list[Math.floor(random() * list.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
}

function add(causes: Causes, cause: string): void {
  // Numbers and names in a cause would make a hundred of one.
  const kind = cause.replaceAll(/\d+/g, 'n').slice(0, 80);
  causes.set(kind, (causes.get(kind) ?? 0) + 1);
}

function report(tally: Tally, seed: string): void {
  const { packets, largePackets, bothAccept, inPart, bothRefuse, slowest, slowestLargeMs, faults } = tally;
  console.log(`${packets} packets (${largePackets} of 60 KB or more), seed ${seed}`);
  console.log(`both accept ${bothAccept} (${inPart} compared in part), both refuse ${bothRefuse}`);
  for (const [title, causes] of [
    ['accepted by dns-packet only, by our cause', tally.theirsOnly],
    ['accepted by us only, by the cause of dns-packet', tally.oursOnly],
    ['readings', tally.readings],
  ] as const) {
    console.log(`${title}: ${[...causes.values()].reduce((sum, n) => sum + n, 0)}`);
    for (const [cause, n] of [...causes].sort(([, a], [, b]) => b - a))
      console.log(`  ${`${n}`.padStart(7)}  ${cause}`);
  }
  console.log(
    `slowest parse: ${slowest.ms.toFixed(2)} ms (${slowest.octets} octets); of 60 KB or more: ${slowestLargeMs.toFixed(2)} ms`,
  );
  for (const fault of faults) console.error(`FAULT ${fault.slice(0, 1000)}`);
  console.log(faults.length === 0 ? 'no fault' : `${faults.length} faults`);
}
