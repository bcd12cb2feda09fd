/** The DNS records that a managed domain should publish. Pure. */
import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '../dane/types';
import { policyId, policyRecord, policyText } from '../hosting/policy_text';
import { parseAddress } from '../peers/network';
import type { GlobalSettings, ManagedDomain } from '../settings/schema/types';
import { sanMatches } from '../x509/names';

export interface ZoneRecord {
  /** Without the dot at its end. */
  readonly owner: string;
  readonly type: 'A' | 'AAAA' | 'TXT' | 'TLSA';
  /** As in a zone file. */
  readonly data: string;
  /** What it is for. */
  readonly note: string;
}

const ttl = 3600;

/** One line of a zone file (RFC 1035 section 5.1). `remark` goes into a comment behind it. */
export function zoneLine({ owner, type, data }: ZoneRecord, remark: string): string {
  return `${owner}. ${ttl} IN ${type} ${data} ; ${remark}`;
}

/** The records for MTA-STS (RFC 8461 section 3) and for reports (RFC 8460 section 3). */
export function policyRecords(
  domain: ManagedDomain,
  listen: GlobalSettings['hosting']['listen'],
  rua: string,
): ZoneRecord[] {
  const { domain: name, policy } = domain;
  const reports = {
    owner: `_smtp._tls.${name}`,
    type: 'TXT',
    data: quoted(`v=TLSRPTv1; rua=${rua}`),
    note: 'where reports go',
  } as const;
  if (policy.kind === 'none') return [reports];
  const id = policyId(policyText(policy));
  const record = {
    owner: `_mta-sts.${name}`,
    type: 'TXT',
    data: quoted(policyRecord(id)),
    note: 'the id of the hosted policy',
  } as const;
  return [record, ...hostAddresses(`mta-sts.${name}`, listen), reports];
}

/** The listeners' own addresses, where they are addresses that others can reach. */
function hostAddresses(owner: string, listen: GlobalSettings['hosting']['listen']): ZoneRecord[] {
  return [...new Set(listen.map(({ address }) => address))]
    .filter((address) => !/^(?:0\.0\.0\.0|127\.|::1?$)/.test(address))
    .map((address) => {
      const type = parseAddress(address)?.family === 4 ? 'A' : 'AAAA';
      return { owner, type, data: address, note: 'the policy host' };
    });
}

/** A chain that Haraka presents, leaf first. */
export type Chain = readonly [X509Certificate, ...X509Certificate[]];

/**
 * TLSA records for one MX host (RFC 7671 section 5.1): `3 1 1` for each key in use, for the keys to come, and
 * `2 1 1` for an issuer that is sent along, which holds over a change of keys as long as the issuer stays. None where
 * there are certificates, and all of them are for others.
 *
 * @param others hosts that have certificates of their own
 */
export function tlsaRecords(
  host: string,
  chains: readonly Chain[],
  next: readonly KeyObject[],
  others: readonly string[],
): ZoneRecord[] {
  const own = chains.filter(([leaf]) => sanMatches(leaf, host));
  // DANE-EE asks for no name, so a certificate without the host's name still serves (RFC 7672 section 3.1.1).
  const used =
    own.length > 0 ? own : chains.filter(([leaf]) => !others.some((other) => sanMatches(leaf, other)));
  if (used.length === 0 && chains.length > 0) return [];
  const note = own.length > 0 ? 'the key in use' : unnamed;
  const current = used.map(([leaf]) => tlsa(host, '3 1 1', leaf.publicKey, note));
  const coming = next.map((key) => tlsa(host, '3 1 1', key, nextKeyNote));
  const issuers = own.flatMap(([, issuer]) =>
    issuer === undefined ? [] : [tlsa(host, '2 1 1', issuer.publicKey, 'the issuer, for changes of the key')],
  );
  const byData = new Map([...issuers, ...coming, ...current].map((record) => [record.data, record]));
  return [...byData.values()].reverse();
}

/** Beside a record for a key that is not used yet. */
export const nextKeyNote = 'the next key';

const unnamed = 'no certificate here names this host: publish only if this Haraka answers there';

/** Whether a TLSA record is for the key of one of `chains`. */
export function isForKeyOf(chains: readonly Chain[], data: string): boolean {
  return chains.some(([leaf]) => tlsa('', '3 1 1', leaf.publicKey, '').data === data);
}

function tlsa(host: string, parameters: string, key: KeyObject, note: string): ZoneRecord {
  const spki = key.export({ type: 'spki', format: 'der' });
  const digest = createHash('sha256').update(spki).digest('hex');
  return { owner: `_25._tcp.${host}`, type: 'TLSA', data: `${parameters} ${digest}`, note };
}

/** A published TLSA record as it would stand in a zone file. */
export function tlsaText({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString('hex')}`;
}

/** As strings of at most 255 octets each (RFC 1035 section 3.3.14). A reader puts them together again. */
export function quoted(text: string): string {
  const strings = text.match(/.{1,255}/gs) ?? [''];
  return strings.map((part) => `"${part.replaceAll(/["\\]/g, '\\$&')}"`).join(' ');
}

export function unquoted(data: string): string {
  const strings = [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, part = '']) => part);
  return strings.join('').replaceAll(/\\(["\\])/g, '$1');
}
