/** What calls name: senders, recipients, domains. Pure. */
import { readMailDomain } from '../mail_domain';
import { canonicalDomain } from '../names';
import { printable } from '../text';
import { UsageError } from './command';

/** The domain of a sender: of `a@b.example`, `<a@b.example>` or `b.example`; empty for `<>`. @throws UsageError */
export function senderDomain(operand: string): string {
  return operand === '<>' ? '' : mailDomain(operand);
}

/** The domain of a recipient, which may be an address literal (RFC 5321 section 4.1.3). @throws UsageError */
export function recipientDomain(operand: string): string {
  return mailDomain(operand);
}

/** A domain name in canonical form. @throws UsageError */
export function domainName(operand: string): string {
  const name = canonicalDomain(operand);
  if (name === undefined) throw new UsageError(`no domain name: ${quoted(operand)}`);
  return name;
}

/**
 * Where reports go, `mailto:` and `https:` URIs with commas between them (RFC 8460 section 3). A semicolon or an
 * exclamation mark would have to be percent-encoded.
 *
 * @throws UsageError
 */
export function reportUris(operand: string): string {
  const uris = operand.split(',').map((uri) => uri.trim());
  const wrong = uris.find(
    (uri) => !/^(?:mailto:[!-~]+@[!-~]+|https:\/\/[!-~]+)$/i.test(uri) || /[!;"\\]/.test(uri),
  );
  if (wrong !== undefined) throw new UsageError(`no mailto: or https: URI: ${quoted(wrong)}`);
  return uris.join(',');
}

function mailDomain(operand: string): string {
  const bare = /^<(.*)>$/.exec(operand)?.[1] ?? operand;
  const at = bare.lastIndexOf('@');
  const domain = bare.slice(at + 1);
  const read = readMailDomain(domain);
  if (read.kind === 'no_domain' || (at !== -1 && !isLocalPart(bare.slice(0, at)))) {
    throw new UsageError(`neither an address nor a domain: ${quoted(operand)}`);
  }
  return read.kind === 'name' ? read.name : domain;
}

/** RFC 5321 section 4.1.2: blanks stand in quotes only, and quotes in quotes only behind a backslash. */
function isLocalPart(text: string): boolean {
  return /^"(?:[^"\\]|\\.)+"$|^[^\s<>"@]+$/.test(text);
}

function quoted(operand: string): string {
  return `"${printable(operand)}"`;
}

/** `--top N`: how many rows; `Infinity` for 0. @param usual where the call does not say */
export function topOf(option: unknown, usual: number): number {
  if (option === undefined) return usual;
  if (typeof option !== 'string' || !/^\d{1,7}$/.test(option))
    throw new UsageError('--top: a number is needed');
  return Number(option) || Number.POSITIVE_INFINITY;
}
