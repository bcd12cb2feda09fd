/**
 * TLSA records: reading them, and which of them SMTP can use (RFC 6698 section 2.1, RFC 7671, RFC 7672 section 3.1).
 */
import { X509Certificate, createPublicKey } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { publicKeyInfo, publicKeyOf } from '../x509/certificate';
import { sameBytes, soleElement, tags } from '../x509/der';
import type { IssuerKey } from '../x509/work_budget';
import { hasCurveSpeltOut, judgeKey } from '../x509/strength';
import type { TlsaRecord } from './types';

export const usages = { pkixTa: 0, pkixEe: 1, daneTa: 2, daneEe: 3 } as const;
export const selectors = { certificate: 0, publicKey: 1 } as const;
export const matchingTypes = { full: 0, sha256: 1, sha512: 2 } as const;

const digestOctets = new Map<number, number>([
  [matchingTypes.sha256, 32],
  [matchingTypes.sha512, 64],
]);

/** Reads the RDATA of a TLSA record. `undefined` where it is shorter than its three fixed octets. The data is copied. */
export function parseTlsaRecord(rdata: Uint8Array): TlsaRecord | undefined {
  const [usage, selector, matchingType] = rdata;
  if (usage === undefined || selector === undefined || matchingType === undefined) return undefined;
  return { usage, selector, matchingType, data: rdata.slice(3) };
}

/** More records than this are not looked at; nobody publishes so many, and each costs time. */
export const maximumRecords = 64;

/** Of these, records that carry whole certificates or keys: to read one takes up to a millisecond. */
export const maximumWholeRecords = 32;

/**
 * The records that can authenticate an SMTP server, each once, in the order given. Empty where none can, which is
 * the "present, none usable" of RFC 7672 section 2.2.
 *
 * Of records that carry whole certificates or keys, which have to be parsed, only the first `maximumWholeRecords` are tried.
 */
export function usableRecords(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  const usable: TlsaRecord[] = [];
  let whole = 0;
  for (const record of distinctRecords(records)) {
    if (usable.length === maximumRecords) break;
    if (record.matchingType === matchingTypes.full && (whole += 1) > maximumWholeRecords) continue;
    if (unusableBecause(record) === undefined) usable.push(record);
  }
  return usable;
}

/** Each record once: the first of equal ones, as the same object. */
export function distinctRecords(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  if (records.length < 2) return records;
  const first = new Map<string, TlsaRecord>();
  for (const record of records) {
    const { usage, selector, matchingType, data } = record;
    const key = `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString('latin1')}`;
    if (!first.has(key)) first.set(key, record);
  }
  return [...first.values()];
}

/** Why `record` cannot be used, as a phrase for people; `undefined` where it can be. */
export function unusableBecause(record: TlsaRecord): string | undefined {
  const { usage, selector, matchingType, data } = record;
  // RFC 7672 section 3.1.3: nobody agreed with the peer on a set of public CAs.
  if (usage === usages.pkixTa || usage === usages.pkixEe) return `usage ${usage} is not for SMTP`;
  if (usage !== usages.daneTa && usage !== usages.daneEe) return `usage ${usage} is unknown`;
  if (selector !== selectors.certificate && selector !== selectors.publicKey) {
    return `selector ${selector} is unknown`;
  }
  if (matchingType === matchingTypes.full) {
    return isWhole(record) ? undefined : `its data is no ${selector === 0 ? 'certificate' : 'public key'}`;
  }
  const octets = digestOctets.get(matchingType);
  if (octets === undefined) return `matching type ${matchingType} is unknown`;
  return data.length === octets ? undefined : `its digest has ${data.length} octets instead of ${octets}`;
}

/**
 * The records that digest agility leaves (RFC 7671 section 9): for each usage and selector only the strongest matching
 * type, SHA-512 before SHA-256. Records that hold the whole data take no part and always stay. `records` are usable ones.
 */
export function strongestRecords(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  return records.filter((record) => strongerRecord(record, records) === undefined);
}

/** A record because of which `record` is not looked at, if there is one. */
export function strongerRecord(record: TlsaRecord, records: readonly TlsaRecord[]): TlsaRecord | undefined {
  if (record.matchingType === matchingTypes.full) return undefined;
  return records.find(
    (other) =>
      other.usage === record.usage &&
      other.selector === record.selector &&
      other.matchingType > record.matchingType,
  );
}

/** The certificate that a record with selector 0 and matching type 0 carries. */
export function certificateIn(record: TlsaRecord): X509Certificate | undefined {
  if (record.selector !== selectors.certificate || record.matchingType !== matchingTypes.full)
    return undefined;
  const whole = parsed(record);
  return whole.kind === 'certificate' ? whole.certificate : undefined;
}

/** The bare key that a record with selector 1 and matching type 0 carries. */
export function publicKeyIn(record: TlsaRecord): IssuerKey | undefined {
  if (record.selector !== selectors.publicKey || record.matchingType !== matchingTypes.full) return undefined;
  const whole = parsed(record);
  return whole.kind === 'key' ? whole.key : undefined;
}

type WholeData =
  | { readonly kind: 'certificate'; readonly certificate: X509Certificate }
  | { readonly kind: 'key'; readonly key: IssuerKey }
  /**
   * A key that is not given to OpenSSL: with parameters of the zone's own choice, reading it alone takes tenths of a second.
   * It is there, so that the peer has to authenticate, and signs nothing.
   */
  | { readonly kind: 'unread' }
  | { readonly kind: 'malformed' };

/**
 * In OpenSSL's memory a key takes some 3 KB and a certificate 6 to 12, many times what the record does: zones full of bare keys
 * would take far more than the cache of answers allows. Each message asks again, for every host of its domain.
 */
const wholeData = new LRUCache<TlsaRecord, WholeData>({
  maxSize: 16 * 1024 * 1024,
  sizeCalculation: (_whole, { data }) => 8192 + 3 * data.length,
});

/** What a record with matching type 0 holds, parsed once for each record object as long as there is room. */
function parsed(record: TlsaRecord): WholeData {
  const known = wholeData.get(record);
  if (known) return known;
  const result = read(record);
  wholeData.set(record, result);
  return result;
}

function read({ selector, data }: TlsaRecord): WholeData {
  try {
    // Node would read PEM as well, and take no notice of what follows a certificate.
    soleElement(data, tags.sequence);
    const info = selector === selectors.certificate ? publicKeyInfo(data) : data;
    if (info !== undefined && hasCurveSpeltOut(info)) return { kind: 'unread' };
    if (selector === selectors.certificate) return readWholeCertificate(data);
    const key = createPublicKey({ key: Buffer.from(data), format: 'der', type: 'spki' });
    return { kind: 'key', key: { info: data, cost: judgeKey(data).cost, key: () => key } };
  } catch {
    // The DER reader or OpenSSL could not read it, which makes the record unusable and is no error here.
    return { kind: 'malformed' };
  }
}

function readWholeCertificate(data: Uint8Array): WholeData {
  const certificate = new X509Certificate(data);
  const readable = sameBytes(certificate.raw, data) && publicKeyOf(certificate) !== 'unsupported';
  return readable ? { kind: 'certificate', certificate } : { kind: 'malformed' };
}

function isWhole(record: TlsaRecord): boolean {
  return parsed(record).kind !== 'malformed';
}
