/** Address literals: an address in brackets where a domain could stand (RFC 5321 section 4.1.3). Pure. */

/**
 * What stands between the brackets of `[192.0.2.1]` or `[IPv6:2001:db8::1]`; whether it is an address is not looked at.
 * `undefined` where there are no brackets.
 */
export function insideBrackets(text: string): string | undefined {
  return /^\[(?:IPv6:)?(.*)\]$/i.exec(text)?.[1];
}
