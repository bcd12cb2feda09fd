import { domainToASCII } from 'node:url';

/**
 * Labels of letters, digits, hyphens and underscores. A top-level domain is never all digits, an IPv4 address always ends so
 * (RFC 3696 section 2).
 */
const canonical =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * The form in which every domain name is stored and compared: lower case, A-labels, no trailing dot.
 *
 * @returns `undefined` where `input` is no domain name that mail could use (empty or over-long labels, more than 253
 *   characters, characters that IDNA refuses, an address).
 */
export function canonicalDomain(input: string): string | undefined {
  // Most names come in this form already.
  if (isCanonical(input)) return input;
  const bare = input.endsWith('.') ? input.slice(0, -1) : input;
  // Plain names skip the URL parser, which would read `10.1` as an address and undo percent-encoding.
  const ascii = /^[\x21-\x7e]*$/.test(bare) ? bare.toLowerCase() : domainToASCII(bare);
  return isCanonical(ascii) ? ascii : undefined;
}

function isCanonical(name: string): boolean {
  return name.length <= 253 && canonical.test(name);
}
