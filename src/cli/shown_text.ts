/** What is published for an MX host, held against what it shows. Pure. */
import { distinctRecords, unusableBecause } from '../dane/records';
import type { DaneAuthentication, TlsaRecord } from '../dane/types';
import { verifyPeer } from '../dane/verify';
import type { PeerCertificates } from '../x509/peer_certificates';
import type { Shown, ShownHost } from './shown';
import { tlsaText } from './zone';

/** Of one host, for `--json`. */
export interface HostVerdict {
  readonly host: string;
  /**
   * Whether senders that demand DANE deliver: `partly` where it depends on the address that they come to or on the type of key
   * that they negotiate; `unknown` where nothing was seen.
   */
  readonly dane: 'accepted' | 'refused' | 'partly' | 'unknown';
  /** Why not even a connection is made; empty where one is. */
  readonly why: string;
  readonly shown: readonly {
    readonly at: string;
    readonly whose: Shown['whose'];
    readonly key: string;
    readonly kind: Shown['verdict']['kind'];
    /** Which record authenticates it, or why none does. */
    readonly text: string;
  }[];
}

export function hostVerdict({ host, held, shown }: ShownHost): HostVerdict {
  const seen = shown.filter(({ verdict }) => verdict.kind !== 'not_seen');
  const accepted = seen.filter(({ verdict }) => verdict.kind === 'accepted').length;
  const dane =
    held.kind === 'refused'
      ? 'refused'
      : seen.length === 0
        ? 'unknown'
        : accepted === seen.length
          ? 'accepted'
          : accepted === 0
            ? 'refused'
            : 'partly';
  return {
    host,
    dane,
    why: held.kind === 'refused' ? held.text : '',
    shown: shown.map(({ at, whose, key, verdict }) => ({
      at,
      whose,
      key,
      kind: verdict.kind,
      text: verdictText(verdict),
    })),
  };
}

function verdictText(verdict: Shown['verdict']): string {
  switch (verdict.kind) {
    case 'accepted':
      return verdict.verified;
    case 'refused':
      return `${verdict.failure.reason}: ${verdict.failure.text}`;
    case 'not_seen':
      return verdict.problem;
  }
}

/** What is said of a host: what is wrong with it, and what is only worth knowing. */
export interface Remarks {
  readonly wrong: readonly string[];
  readonly notes: readonly string[];
}

/** What is known here of the key of a published record: it is in use, to come, or nowhere to be found. */
export type KeyOf = (record: string) => 'here' | 'next' | 'unknown';

export function hostRemarks(of: ShownHost, keyOf: KeyOf, now: Date): Remarks {
  const { host, held } = of;
  const verdict = hostVerdict(of);
  if (held.kind === 'refused') {
    const text = `${host}.: senders that demand DANE do not deliver: ${held.text}`;
    // Where nothing is published, the records that are missing say it.
    return of.facts?.tlsa.kind === 'absent' ? { wrong: [], notes: [text] } : { wrong: [text], notes: [] };
  }
  const remarks = recordRemarks(of, keyOf, verdict.dane, now);
  return {
    wrong: [
      ...verdict.shown.filter(({ kind }) => kind !== 'accepted').map((one) => wrongText(host, one)),
      ...remarks.wrong,
    ],
    notes: [
      ...verdict.shown.filter(({ kind }) => kind === 'accepted').map((one) => rightText(host, one)),
      ...remarks.notes,
    ],
  };
}

type ShownText = HostVerdict['shown'][number];

function placeText(host: string, { at, whose, key }: ShownText): string {
  const shows = key === '' ? '' : ` shows ${article(key)} key`;
  return `${host}.: ${whose === 'listener' ? 'the listener at ' : ''}${at}${shows}`;
}

function article(key: string): string {
  return `${/^[aeiou]|^rsa/.test(key) ? 'an' : 'a'} ${key.toUpperCase()}`;
}

function wrongText(host: string, one: ShownText): string {
  return one.kind === 'not_seen'
    ? `${placeText(host, one)}: what it shows is not known: ${one.text}`
    : `${placeText(host, one)}: senders with DANE do not deliver there: ${one.text}`;
}

function rightText(host: string, one: ShownText): string {
  return `${placeText(host, one)}, which is authenticated: ${one.text}`;
}

/** Record by record: which of them nothing matches that is shown. */
function recordRemarks(
  { facts, held, shown }: ShownHost,
  keyOf: KeyOf,
  dane: HostVerdict['dane'],
  now: Date,
): Remarks {
  const sessions = shown.flatMap(({ session }) => (session === undefined ? [] : [session]));
  const authentication =
    held.kind === 'to' && 'dane' in held.requirement.authentication
      ? held.requirement.authentication.dane
      : undefined;
  if (facts?.tlsa.kind !== 'present' || authentication === undefined || sessions.length === 0)
    return { wrong: [], notes: [] };
  const wrong: string[] = [];
  const notes: string[] = [];
  for (const record of distinctRecords(facts.tlsa.records)) {
    const published = `_25._tcp.${facts.tlsa.baseDomain}. IN TLSA ${tlsaText(record)}`;
    const unusable = unusableBecause(record);
    if (unusable !== undefined) {
      wrong.push(`${published} is of no use to senders: ${unusable}`);
      continue;
    }
    if (sessions.some(({ certificates }) => matchesAlone(record, authentication, certificates, now)))
      continue;
    const key = keyOf(tlsaText(record));
    if (key === 'next') notes.push(`${published} is for the next key, which nothing shows yet`);
    else if (key === 'here' && dane === 'accepted')
      notes.push(
        `${published} is for a key of this install that nothing shows: right during a change of keys, stale after it`,
      );
    else
      wrong.push(
        `${published} is stale: nothing that is shown matches it${key === 'here' ? ', although a key of this install would' : ', and no key that was found here'}`,
      );
  }
  return { wrong, notes };
}

/** Whether the record is for what is shown, be that expired or for another name. */
function matchesAlone(
  record: TlsaRecord,
  dane: DaneAuthentication,
  certificates: PeerCertificates,
  now: Date,
): boolean {
  const verdict = verifyPeer(certificates, { ...dane, records: [record] }, now);
  return verdict.kind === 'authenticated' || verdict.reason !== 'certificate-not-trusted';
}
