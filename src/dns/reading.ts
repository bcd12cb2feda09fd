/** What a well-formed answer says about its question. Pure; the tables of RFC 2308 section 2 and RFC 6604. */
import { extendedErrorText } from './extended_errors';
import { ipv6Text } from './query';
import { questionText, recordTypes, type Question, type RecordType } from './question';
import type { LookupFailure } from './types';
import type { TlsaRecord } from '../dane/types';
import {
  readAddress4,
  readAddress6,
  readMx,
  readNameData,
  readNegativeTtl,
  readText,
  readTlsa,
  WireError,
  type WireMessage,
  type WireRecord,
} from './wire';

/** The data of one record of any type that is asked for. */
export type RecordData = string | TlsaRecord | { readonly preference: number; readonly exchange: string };

export type Reading =
  | {
      readonly kind: 'records';
      readonly records: readonly RecordData[];
      readonly canonicalName: string;
      /** Seconds; the least along the alias chain. */
      readonly ttl: number;
    }
  | {
      readonly kind: 'denied';
      readonly denial: 'nodata' | 'nxdomain';
      readonly canonicalName: string;
      /** Seconds; `undefined` without an SOA record, where nothing says how long it holds. */
      readonly ttl: number | undefined;
    }
  /** The chain leads to a name about which the answer says nothing: ask there. */
  | { readonly kind: 'alias'; readonly canonicalName: string; readonly ttl: number; readonly hops: number }
  | { readonly kind: 'failed'; readonly cause: LookupFailure; readonly why: string };

/** Aliases in one chain; unbound follows 11, BIND 16. */
export const maxAliases = 12;

const classIn = 1;
const rcodeNames: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  4: 'NOTIMP',
  5: 'REFUSED',
  16: 'BADVERS',
};

/** The way an RCODE is written in logs. */
export function rcodeText(rcode: number): string {
  return rcodeNames[rcode] ?? `RCODE ${rcode}`;
}

/**
 * Extended DNS Errors that mean failed validation (RFC 8914 sections 4.6 to 4.13, and 25). Unsupported algorithms are
 * not among them: they make a zone insecure.
 */
const bogusErrors = new Set([5, 6, 7, 8, 9, 10, 11, 12, 25]);

const readers: Readonly<Record<RecordType, (bytes: Uint8Array, record: WireRecord) => RecordData>> = {
  A: readAddress4,
  AAAA: (bytes, record) => ipv6Text(readAddress6(bytes, record)),
  CNAME: readNameData,
  MX: readMx,
  TXT: readText,
  TLSA: readTlsa,
  NS: readNameData,
  // Asked only by the probe, which looks at no data.
  SOA: () => '',
  DNSKEY: () => '',
};

/** Reads `message`, an answer to `question`; a part that is malformed makes it a failure. */
export function readAnswer(message: WireMessage, question: Question): Reading {
  try {
    return read(message, question);
  } catch (error) {
    if (error instanceof WireError) return { kind: 'failed', cause: 'malformed', why: error.message };
    throw error;
  }
}

function read(message: WireMessage, question: Question): Reading {
  const { rcode } = message;
  if (rcode !== 0 && rcode !== 3) return refusal(message);
  const chain = followAliases(message, question);
  if (chain === 'loop') {
    return {
      kind: 'failed',
      cause: 'alias_loop',
      why: `the aliases of ${question.name} loop or are too many`,
    };
  }
  const { canonicalName, hops } = chain;
  const found = message.answers.filter((record) => matches(record, canonicalName, question.type));
  if (found.length > 0) {
    if (rcode === 3) throw new WireError(`records at a name that does not exist`);
    const records = found.map((record) => readers[question.type](message.bytes, record));
    const ttl = Math.min(chain.ttl, ...found.map((record) => record.ttl));
    return { kind: 'records', records, canonicalName, ttl };
  }
  const [soa] = message.soas;
  // An alias alone is no denial (RFC 2308 section 2.2): a resolver that does not chase aliases answers so.
  if (rcode === 0 && hops > 0 && soa === undefined) {
    return { kind: 'alias', canonicalName, ttl: chain.ttl, hops };
  }
  const negative = soa === undefined ? undefined : readNegativeTtl(message.bytes, soa);
  return {
    kind: 'denied',
    denial: rcode === 3 ? 'nxdomain' : 'nodata',
    canonicalName,
    ttl: negative === undefined ? undefined : Math.min(chain.ttl, negative),
  };
}

function refusal({ rcode, extendedErrors }: WireMessage): Reading {
  const why = [rcodeText(rcode), ...extendedErrors.map(extendedErrorText)].join(', ');
  if (rcode !== 2) return { kind: 'failed', cause: 'refused', why };
  return {
    kind: 'failed',
    cause: extendedErrors.some((code) => bogusErrors.has(code)) ? 'bogus' : 'servfail',
    why,
  };
}

function matches(record: WireRecord, name: string, type: RecordType): boolean {
  return record.class === classIn && record.type === recordTypes[type] && record.name === name;
}

type Chain = 'loop' | { readonly canonicalName: string; readonly ttl: number; readonly hops: number };

/** From the name asked for along its CNAME records to the end of the chain. A question for CNAME follows none. */
function followAliases(message: WireMessage, question: Question): Chain {
  let canonicalName = question.name;
  let ttl = Infinity;
  let hops = 0;
  if (question.type === 'CNAME') return { canonicalName, ttl, hops };
  const aliases = message.answers.filter(({ type }) => type === recordTypes.CNAME);
  for (;;) {
    const here = aliases.filter((record) => matches(record, canonicalName, 'CNAME'));
    const [alias] = here;
    if (alias === undefined) return { canonicalName, ttl, hops };
    const targets = new Set(here.map((record) => readNameData(message.bytes, record)));
    if (targets.size > 1) throw new WireError('an alias of several names');
    if (++hops > maxAliases) return 'loop';
    ttl = Math.min(ttl, alias.ttl);
    canonicalName = [...targets][0] ?? '';
    if (canonicalName === question.name) return 'loop';
  }
}

/** One line that names the question, the resolver and what happened. */
export function detailOf(question: Question, resolver: string, why: string): string {
  return `${questionText(question)} at ${resolver}: ${why}`;
}
