/**
 * The TXT record at `_smtp._tls.<domain>` (RFC 8460 section 3): where a domain wants its reports.
 *
 * ```text
 * v=TLSRPTv1; rua=mailto:tls-reports@example.com,https://reports.example.com/v1/tlsrpt
 * ```
 */
import { plainMailAddress } from '../mail_address';
import { printable } from '../text';

export type Destination =
  | { readonly kind: 'mail'; readonly uri: string; readonly address: string }
  | { readonly kind: 'https'; readonly uri: string; readonly url: URL };

export type ReportRecord =
  | {
      readonly kind: 'found';
      readonly destinations: readonly Destination[];
      /** What is published and cannot be used, one line each. */
      readonly problems: readonly string[];
    }
  | { readonly kind: 'not_published' }
  /** There is none that counts; `text` says why. */
  | { readonly kind: 'invalid'; readonly text: string };

export function recordName(domain: string): string {
  return `_smtp._tls.${domain}`;
}

const versioned = /^v=TLSRPTv1[ \t]*;/;

/** As many destinations as one domain has, and characters of each. */
const mostDestinations = 10;
const longestUri = 500;

/** Reads the TXT RRset, each record as its character-strings joined. Records of other kinds at that name are passed over. */
export function parseReportRecords(records: readonly string[]): ReportRecord {
  const ours = records.filter((record) => versioned.test(record));
  if (ours.length > 1) return invalid(`${ours.length} records begin with v=TLSRPTv1, exactly one may`);
  const [record] = ours;
  if (record !== undefined) return parseRecord(record);
  const nearly = records.find((other) => /^v\s*=\s*TLSRPT/i.test(other));
  return nearly === undefined
    ? { kind: 'not_published' }
    : invalid(`"${printable(nearly, 80)}" does not begin with "v=TLSRPTv1;"`);
}

/** Other fields may stand before it, as extensions do behind it. */
function parseRecord(record: string): ReportRecord {
  const fields = record.split(';').map((field) => field.trim());
  const rua = fields.find((field) => /^rua[ \t]*=/.test(field));
  if (rua === undefined) return invalid('it has no rua');
  const uris = rua
    .slice(rua.indexOf('=') + 1)
    .split(',')
    .map((uri) => uri.trim())
    .filter((uri) => uri !== '');
  const destinations = new Map<string, Destination>();
  const problems: string[] = [];
  for (const uri of uris.slice(0, mostDestinations)) {
    const read = parseUri(uri);
    if (typeof read === 'string') problems.push(`${printable(uri, 80)}: ${read}`);
    else destinations.set(read.uri, read);
  }
  if (uris.length > mostDestinations) problems.push(`${uris.length - mostDestinations} more than are used`);
  if (destinations.size === 0) return invalid(problems[0] ?? 'its rua is empty');
  return { kind: 'found', destinations: [...destinations.values()], problems };
}

/** @returns what is wrong with it where it is none */
export function parseUri(uri: string): Destination | string {
  if (uri.length > longestUri) return 'too long';
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/i.exec(uri) ?? [];
  switch (scheme.toLowerCase()) {
    case 'mailto':
      return parseMailto(rest);
    case 'https':
      return parseHttps(uri);
    case '':
      return 'has no scheme: mailto: or https: is needed';
    default:
      return `${scheme}: is no way to send a report: mailto: or https: is`;
  }
}

function parseMailto(rest: string): Destination | string {
  let address: string;
  try {
    address = decodeURIComponent(rest.split('?')[0] ?? '');
  } catch {
    return 'is not encoded as an URI';
  }
  const plain = plainMailAddress(address.trim());
  return plain === undefined
    ? 'is no mail address'
    : { kind: 'mail', uri: `mailto:${plain}`, address: plain };
}

function parseHttps(uri: string): Destination | string {
  if (!URL.canParse(uri)) return 'is no URL';
  const url = new URL(uri);
  if (url.username !== '' || url.password !== '') return 'has a user in it';
  if (url.hostname === '' || /^[\d.]+$|^\[/.test(url.hostname)) return 'names no host';
  url.hash = '';
  return { kind: 'https', uri: url.href, url };
}

function invalid(text: string): ReportRecord {
  return { kind: 'invalid', text };
}
