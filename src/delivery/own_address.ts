/** Addresses at which Haraka sees its own machine: with `local_mx_ok = false` it passes MX hosts over for them. */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { plainAddress } from '../peers/network';

/**
 * What `address` is where Haraka takes it for this machine (`is_local_ip` of haraka-net-utils), for people.
 *
 * @returns `undefined` for any other address
 */
export function ownAddress(written: string): string | undefined {
  const address = plainAddress(written);
  const kind = kinds.find(([pattern, isOf]) => isOf(address) && pattern.test(address))?.[2];
  if (kind !== undefined) return kind;
  // not covered: all hosts of the lab are on loopback; the tests touch no interface of the machine.
  const own = Object.values(networkInterfaces()).some((all = []) =>
    all.some((one) => one.address === address),
  );
  return own ? 'an address of this machine' : undefined;
}

const kinds: readonly (readonly [RegExp, (address: string) => boolean, string])[] = [
  [/^0\.0\.0\.0$/, isIPv4, unspecified('RFC 1122 section 3.2.1.3')],
  [/^::$/, isIPv6, unspecified('RFC 4291 section 2.5.2')],
  [/^127\./, isIPv4, 'an address of this machine (loopback)'],
  [/^::1$/, isIPv6, 'an address of this machine (loopback)'],
  [/^169\.254\./, isIPv4, 'an address of this link only, which Haraka takes for this machine'],
  [/^fe[89ab][0-9a-f]::/i, isIPv6, 'an address of this link only, which Haraka takes for this machine'],
  [/^f[cd][0-9a-f]{2}:/i, isIPv6, 'a private address, which Haraka takes for this machine'],
];

function unspecified(by: string): string {
  return `no address of any host (unspecified: ${by}); a connection to it ends at this machine`;
}
