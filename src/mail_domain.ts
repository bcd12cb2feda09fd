/** What may stand behind the @ of an address, told apart in one place (RFC 5321 sections 4.1.2 and 4.1.3). Pure. */
import { insideBrackets } from './address_literal';
import { canonicalDomain, type DomainName } from './names';
import { parseAddress, unmapped } from './peers/network';

export type MailDomain =
  | { readonly kind: 'name'; readonly name: DomainName }
  /** An address in brackets: mail goes there, and DNS has no part in it. */
  | { readonly kind: 'literal'; readonly address: string }
  /** Neither, a bare address among them: it exists nowhere. */
  | { readonly kind: 'no_domain' };

export function readMailDomain(text: string): MailDomain {
  const name = canonicalDomain(text);
  if (name !== undefined) return { kind: 'name', name };
  const literal = insideBrackets(text);
  // A zone, as of `fe80::1%eth0`, means something on this machine only.
  if (literal === undefined || literal.includes('%') || parseAddress(literal) === undefined)
    return { kind: 'no_domain' };
  return { kind: 'literal', address: unmapped(literal) };
}
