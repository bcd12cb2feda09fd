/** Verdicts in words that an operator can act on. */
import { printable } from '../text';
import { derOf } from '../x509/certificate';
import type { PathFault } from '../x509/path';
import type { IssuerCandidates } from './anchors';
import { limits } from './limits';
import { associationData, matches } from './match';
import { matchingTypes, publicKeyIn } from './records';
import type { TlsaRecord } from './types';

/** A record as zone files write it, its data cut: `3 1 1 a1b2c3d4...`. */
export function recordText({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${shortHex(data)}`;
}

/** Why a DANE-EE record did not match the peer's certificate. */
export function mismatchText(record: TlsaRecord, leaf: Uint8Array): string {
  const seen = associationData(record, leaf);
  if (seen === undefined) return `${recordText(record)}: the peer's certificate cannot be read`;
  const what = record.selector === 1 ? 'key' : 'certificate';
  const digest = record.matchingType === matchingTypes.full ? '' : ' digest';
  const octets = distinguishingOctets(seen, record.data);
  const { usage, selector, matchingType } = record;
  return (
    `certificate ${usage} ${selector} ${matchingType}${digest} is ${shortHex(seen, octets)}, the zone publishes ` +
    `${shortHex(record.data, octets)}: the peer renewed its ${what} without updating DNS, or this is not the peer`
  );
}

/** Why a DANE-TA record led to no path. `issuers`: what the search for one looked at. */
export function noAnchorText(record: TlsaRecord, leaf: Uint8Array, issuers: IssuerCandidates): string {
  const name = recordText(record);
  const cost = publicKeyIn(record)?.cost;
  if (cost?.kind === 'excessive') return `${name}: it is ${cost.text}, with which signatures are not checked`;
  const above = issuers.certificates.map(derOf);
  if (above.some((certificate) => matches(record, certificate))) {
    const unsearched = unsearchedText(issuers);
    if (unsearched !== undefined)
      return `${name}: no path to the certificate that it names was found; ${unsearched}`;
    return `${name}: the certificate that it names did not issue the peer's certificate, not even indirectly`;
  }
  if (matches(record, leaf)) {
    return `${name}: it names the peer's own certificate, which cannot be its own trust anchor; publish it with usage 3`;
  }
  if (above.length === 0) {
    return `${name}: the peer sent no certificate above its own; it must send the trust anchor that it publishes`;
  }
  const unsearched = unsearchedText(issuers);
  if (unsearched !== undefined) return `${name}: no certificate that was looked at matches; ${unsearched}`;
  const seen = above
    .slice(0, 4)
    .map((certificate) => shortHex(associationData(record, certificate) ?? new Uint8Array()))
    .join(', ');
  return (
    `${name}: no certificate above the peer's own matches (${record.usage} ${record.selector} ` +
    `${record.matchingType} of those sent: ${seen}): the peer changed its CA without updating DNS, or does not send it`
  );
}

/** What was not looked at, because there was too much of it; `undefined` where everything was. */
function unsearchedText({ certificates, leftOut, longPaths }: IssuerCandidates): string | undefined {
  if (leftOut > 0) {
    const all = certificates.length + leftOut;
    return (
      `the peer sent ${all} certificates above its own, and only the first ${limits.candidates} are looked at: ` +
      `it should send its chain and nothing else`
    );
  }
  return longPaths
    ? `its chain is longer than the ${limits.pathLength} certificates that are followed`
    : undefined;
}

/** Why a path to the anchor of a DANE-TA record does not hold. */
export function faultText(record: TlsaRecord, { depth, text }: PathFault): string {
  const subject = depth === 0 ? "the peer's certificate" : `the certificate at depth ${depth}`;
  return `${recordText(record)}: its trust anchor is in the chain, but ${subject} ${text}`;
}

/** Why a valid path is of no use. */
export function nameText(
  record: TlsaRecord,
  wanted: readonly string[],
  presented: readonly string[],
): string {
  const names = presented.length === 0 ? 'no DNS name' : shownNames(presented);
  return `${recordText(record)}: the chain is valid, but the certificate is for ${names}, not for ${wanted.join(' or ')}`;
}

/** A few names, none of them so long that it hides the rest of the line. */
function shownNames(names: readonly string[]): string {
  return names
    .slice(0, 5)
    .map((name) => printable(name, 80))
    .join(', ');
}

/** Why a record was not looked at. */
export function outrankedText(record: TlsaRecord, by: TlsaRecord): string {
  return (
    `${recordText(record)}: not looked at, because ${by.usage} ${by.selector} ${by.matchingType} ` +
    `is published too and counts instead (RFC 7671 section 9)`
  );
}

/** What authenticated the peer. `depth`: 0 is the leaf. `owner`: where the record was found. `names`: what to add about names, or nothing. */
export function successText(record: TlsaRecord, depth: number, owner: string, names: string): string {
  const where = depth === 0 ? "the peer's certificate" : `the trust anchor at depth ${depth}`;
  return `TLSA ${recordText(record)} at ${owner} matches ${where}${names}`;
}

/** As many leading octets as show the difference, within what a log line can hold. */
function distinguishingOctets(a: Uint8Array, b: Uint8Array): number {
  const same = a.findIndex((octet, index) => octet !== b[index]);
  return same < 4 ? 4 : Math.min(same + 1, 64);
}

function shortHex(bytes: Uint8Array, octets = 4): string {
  const hex = Buffer.from(bytes.subarray(0, octets)).toString('hex');
  return bytes.length > octets ? `${hex}...` : hex || 'nothing';
}
