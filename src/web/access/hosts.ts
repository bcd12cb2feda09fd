/**
 * By which names the page may be asked for. A browser can be led here under any name (DNS rebinding), and would then show what
 * it gets to whoever leads it. Pure.
 */
import { insideBrackets } from '../../address_literal';
import { canonicalDomain } from '../../names';
import { parseAddress, plainAddress } from '../../peers/network';
import type { GlobalSettings } from '../../settings/schema/types';

/** @param me what this Haraka calls itself */
export function ownHosts({ hosts, listen }: GlobalSettings['web'], me: string): ReadonlySet<string> {
  const anywhere = new Set(['0.0.0.0', '::']);
  const listened = listen.map(({ address }) => plainAddress(address)).filter((one) => !anywhere.has(one));
  return new Set([
    'localhost',
    '127.0.0.1',
    '::1',
    ...(canonicalDomain(me) === undefined ? [] : [canonicalDomain(me) ?? '']),
    ...listened,
    ...hosts,
  ]);
}

/** @param header the Host header as it was sent */
export function isOwnHost(own: ReadonlySet<string>, header: string): boolean {
  const host = hostIn(header);
  return host !== undefined && own.has(host);
}

/** Without its port. */
function hostIn(header: string): string | undefined {
  const [, bracketed, plain] = /^(?:(\[[^\]]+\])|([^:[\]]+))(?::\d{1,5})?$/.exec(header) ?? [];
  const literal = bracketed === undefined ? plain : insideBrackets(bracketed);
  if (literal === undefined) return undefined;
  if (parseAddress(literal) !== undefined) return plainAddress(literal);
  return bracketed === undefined ? canonicalDomain(literal) : undefined;
}
