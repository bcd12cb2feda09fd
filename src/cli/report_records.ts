/** The records of TLS reports: where those about a domain go, and the key that vouches for those that it sends. */
import type { Resolver } from '../dns/resolver';
import { findDkimKey } from '../reports/send/dkim_key';
import type { GlobalSettings } from '../settings/schema/types';
import { sendsTlsReports } from '../settings/schema/tls_reports';
import { excludesReports, holdsKey, keyRecord } from '../tlsrpt/key_record';
import { parseReportRecords, recordName } from '../tlsrpt/record';
import { quoted, type ZoneRecord } from './zone';

/** Where reports about `domain` go: to its own addresses of `receive`, else to all of these, else to the usual one. */
export function reportsOf({ tlsReports }: GlobalSettings, domain: string): string {
  const { receive } = tlsReports;
  const own = receive.filter((address) => address.endsWith(`@${domain}`));
  const addresses = own.length > 0 ? own : receive.length > 0 ? receive : [`tls-reports@${domain}`];
  return addresses.map((address) => `mailto:${address}`).join(',');
}

/** The key that vouches for the reports that are sent, where `domain` is whose it is. @param config Haraka's config directory */
export function reportKeyRecords(
  { tlsReports }: GlobalSettings,
  domain: string,
  config: string,
): ZoneRecord[] {
  if (!sendsFrom(tlsReports, domain)) return [];
  const found = findDkimKey(tlsReports, config);
  if (found.kind === 'none') return [];
  const { selector, domain: signer, privateKey } = found.key;
  return [
    {
      owner: `${selector}._domainkey.${signer}`,
      type: 'TXT',
      data: quoted(keyRecord(privateKey)),
      note: 'the key that signs TLS reports',
    },
  ];
}

/** What is wrong with what is published, one line each. @param config Haraka's config directory */
export async function reportRemarks(
  resolver: Pick<Resolver, 'txt'>,
  { tlsReports }: GlobalSettings,
  domain: string,
  config: string,
): Promise<string[]> {
  return [
    ...(await recordRemarks(resolver, tlsReports, domain)),
    ...(await keyRemarks(resolver, tlsReports, domain, config)),
  ];
}

async function recordRemarks(
  resolver: Pick<Resolver, 'txt'>,
  { receive }: GlobalSettings['tlsReports'],
  domain: string,
): Promise<string[]> {
  const name = recordName(domain);
  const answer = await resolver.txt(name);
  if (answer.kind !== 'records') return [];
  const record = parseReportRecords(answer.records);
  switch (record.kind) {
    case 'not_published':
      return [];
    case 'invalid':
      return [`${name}.: ${record.text}, so nobody reports`];
    case 'found': {
      const read = record.destinations.some((one) => one.kind === 'mail' && receive.includes(one.address));
      return [
        ...record.problems.map((problem) => `${name}.: ${problem}`),
        ...(receive.length > 0 && !read
          ? [`${name}.: no report comes to ${receive.join(', ')}, which [tls_reports] receive reads`]
          : []),
      ];
    }
  }
}

/** Without a valid signature receivers ignore a report (RFC 8460 section 3). */
async function keyRemarks(
  resolver: Pick<Resolver, 'txt'>,
  tlsReports: GlobalSettings['tlsReports'],
  domain: string,
  config: string,
): Promise<string[]> {
  const { from } = tlsReports;
  if (!sendsFrom(tlsReports, domain)) return [];
  const found = findDkimKey(tlsReports, config);
  if (found.kind === 'none') return [`TLS reports are not sent by mail: ${found.text}`];
  const { selector, domain: signer, privateKey } = found.key;
  const name = `${selector}._domainkey.${signer}`;
  const answer = await resolver.txt(name);
  switch (answer.kind) {
    case 'failed':
      return [`${name}.: the key that signs TLS reports could not be looked up: ${answer.detail}`];
    case 'denied':
      return [`${name}. has no record, so receivers ignore the TLS reports of ${from}`];
    case 'records':
      if (!answer.records.some((record) => holdsKey(record, privateKey)))
        return [
          `${name}. publishes another key than the one that signs: receivers ignore the reports of ${from}`,
        ];
      return answer.records.some((record) => !excludesReports(record, ['tlsrpt']))
        ? []
        : [`${name}.: s= excludes tlsrpt, so receivers may ignore the TLS reports of ${from}`];
  }
}

function sendsFrom(tlsReports: GlobalSettings['tlsReports'], domain: string): boolean {
  const { from } = tlsReports;
  return sendsTlsReports(tlsReports) && isWithin(from.slice(from.lastIndexOf('@') + 1), domain);
}

function isWithin(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}
