/** A message that may carry a report: who vouches for it, and what it says. */
import { dkimVerify, type DkimResult } from 'mailauth/lib/dkim/verify';
import PostalMime, { type Attachment, type Email } from 'postal-mime';
import type { Answer } from '../../dns/types';
import { canonicalDomain } from '../../names';
import { messageOf, printable } from '../../text';
import { excludesReports } from '../../tlsrpt/key_record';
import { readReport, type ReceivedReport } from '../../tlsrpt/received';
import { unpack } from './unpack';

export type ReadMessage =
  | {
      readonly kind: 'report';
      readonly report: ReceivedReport;
      /** The domain that signed it. */
      readonly signer: string;
      /** What the header says that it is about; empty where it does not. */
      readonly about: string;
    }
  | { readonly kind: 'refused'; readonly problem: string }
  /** DNS could not be asked. */
  | { readonly kind: 'unknown'; readonly problem: string };

export type TxtLookup = (name: string) => Promise<Answer<string>>;

/** Octets of a whole message. A report of 10 MB is smaller than that once it is packed. */
export const longestMessage = 20 << 20;

/** Parts that are looked at. */
const mostParts = 5;

/** Never rejects. */
export async function readMessage(raw: Uint8Array, txt: TxtLookup): Promise<ReadMessage> {
  if (raw.byteLength > longestMessage) return refused('it is too large');
  try {
    const signature = await signatureOf(raw, txt);
    if (signature.kind !== 'signed') return signature;
    const mail = await PostalMime.parse(raw, { maxNestingDepth: 16, maxHeadersSize: 256 * 1024 });
    const about = mail.headers.find(({ key }) => key === 'tls-report-domain')?.value ?? '';
    const found = await reportIn(mail);
    return typeof found === 'string'
      ? refused(found)
      : {
          kind: 'report',
          report: found,
          signer: signature.domain,
          about: canonicalDomain(about.trim()) ?? '',
        };
  } catch (error) {
    return refused(`it cannot be read: ${printable(messageOf(error))}`);
  }
}

type Signature =
  { readonly kind: 'signed'; readonly domain: string } | Exclude<ReadMessage, { kind: 'report' }>;

/** RFC 8460 section 3: a valid signature of the reporting domain, over the whole body. */
async function signatureOf(raw: Uint8Array, txt: TxtLookup): Promise<Signature> {
  const { headerFrom, results } = await dkimVerify(raw, { resolver: resolverOf(txt), minBitLength: 1024 });
  if (headerFrom.length !== 1) return refused('it has not exactly one author');
  let problem = 'it has no DKIM signature';
  let unknown = false;
  for (const result of results.slice(0, mostSignatures)) {
    const fault = faultOf(result);
    if (fault === undefined)
      return { kind: 'signed', domain: canonicalDomain(result.signingDomain ?? '') ?? '' };
    if (result.status.result !== 'none') problem = fault;
    unknown ||= result.status.result === 'temperror';
  }
  return unknown ? { kind: 'unknown', problem } : refused(problem);
}

const mostSignatures = 10;

function faultOf(result: DkimResult): string | undefined {
  const { status, signingDomain = '', canonBodyLengthLimited, signingHeaders, rr = '' } = result;
  const whose = `the DKIM signature of ${printable(signingDomain) || 'nobody'}`;
  if (status.result !== 'pass')
    return `${whose} is not valid (${printable(status.comment ?? status.result)})`;
  if (canonicalDomain(signingDomain) === undefined) return `${whose} is of no domain`;
  if (typeof status.aligned !== 'string' || status.aligned === '')
    return `${whose} is not that of the author's domain`;
  if (canonBodyLengthLimited === true) return `${whose} does not cover the whole body (l=)`;
  if (!/(?:^|[:\s])from(?:$|[:\s])/i.test(signingHeaders?.keys ?? ''))
    return `${whose} does not cover the author`;
  if (excludesReports(rr, ['tlsrpt', 'email']))
    return `the key of ${printable(signingDomain)} is not for TLS reports (s=)`;
  return undefined;
}

function resolverOf(txt: TxtLookup) {
  return async (name: string): Promise<readonly (readonly string[])[]> => {
    const answer = await txt(name);
    switch (answer.kind) {
      case 'records':
        return answer.records.map((record) => [record]);
      case 'denied':
        throw Object.assign(new Error('no record'), { code: 'ENOTFOUND' });
      case 'failed':
        throw Object.assign(new Error(answer.detail), { code: 'ESERVFAIL' });
    }
  };
}

/** @returns why there is none, where there is none */
async function reportIn(mail: Email): Promise<ReceivedReport | string> {
  let problem = 'it carries no report';
  for (const part of candidatesIn(mail).slice(0, mostParts)) {
    try {
      const read = readReport(await unpack(part));
      if (read.kind === 'report') return read.report;
      problem = read.problem;
    } catch (error) {
      problem = messageOf(error);
    }
  }
  return problem;
}

/** What is called a report first, then whatever might be one. */
function candidatesIn({ attachments, text = '' }: Email): Uint8Array[] {
  const rank = ({ mimeType, filename }: Attachment): number => {
    if (/tlsrpt/i.test(mimeType)) return 0;
    if (/\.json(?:\.gz)?$/i.test(filename ?? '')) return 1;
    return /gzip|zip|json|octet-stream/i.test(mimeType) ? 2 : 3;
  };
  const octets = ({ content }: Attachment): Uint8Array =>
    typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content);
  const parts = [...attachments].sort((a, b) => rank(a) - rank(b)).map(octets);
  return text.trimStart().startsWith('{') ? [...parts, Buffer.from(text)] : parts;
}

function refused(problem: string): Extract<ReadMessage, { kind: 'refused' }> {
  return { kind: 'refused', problem };
}
