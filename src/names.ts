/** Domain names, in the one form in which they are compared. Pure. */
import { domainToASCII } from 'node:url';

declare const canonical: unique symbol;

/** A domain name in the form in which all are stored and compared: lower case, A-labels, no dot at the end. */
export type DomainName = string & { readonly [canonical]: true };

/**
 * Reads a domain name in any form; the one way to a `DomainName`.
 *
 * @returns `undefined` where `input` is no domain name that mail could use (empty or over-long labels, more than 253
 *   characters, characters that IDNA refuses, an address).
 */
export function canonicalDomain(input: string): DomainName | undefined {
  // Most names come in this form already.
  if (isCanonical(input)) return input;
  const bare = input.endsWith('.') ? input.slice(0, -1) : input;
  // Plain names skip the URL parser, which would read `10.1` as an address and undo percent-encoding.
  const ascii = /^[\x21-\x7e]*$/.test(bare) ? bare.toLowerCase() : aLabels(bare);
  return isCanonical(ascii) ? ascii : undefined;
}

/** The URL parser ends a host at `/`, `?`, `#` and `\`, passes over tabs, and undoes percent-encoding: no name has these. */
function aLabels(name: string): string {
  return /[\0-,/:-@[-^`{-\x7f]/.test(name) ? '' : domainToASCII(name);
}

const dot = 0x2e;
const hyphen = 0x2d;
const longestName = 253;
const longestLabel = 63;

/**
 * Labels of letters, digits, hyphens and underscores, without a hyphen at either end. A top-level domain is never all
 * digits, an IPv4 address always ends so (RFC 3696 section 2). Written out, because every message asks several times and
 * an expression takes four times as long.
 */
function isCanonical(name: string): name is DomainName {
  if (name.length > longestName) return false;
  let label = 0;
  let digitsOnly = true;
  let previous = dot;
  for (let at = 0; at < name.length; at++) {
    const character = name.charCodeAt(at);
    if (character === dot) {
      if (label === 0 || previous === hyphen) return false;
      label = 0;
      digitsOnly = true;
    } else {
      if (!isOfLabel(character) || (character === hyphen && label === 0)) return false;
      if (++label > longestLabel) return false;
      digitsOnly &&= isDigit(character);
    }
    previous = character;
  }
  return label > 0 && previous !== hyphen && !digitsOnly;
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39;
}

/** A letter in lower case, a digit, a hyphen or an underscore. */
function isOfLabel(character: number): boolean {
  return (
    (character >= 0x61 && character <= 0x7a) ||
    isDigit(character) ||
    character === hyphen ||
    character === 0x5f
  );
}
