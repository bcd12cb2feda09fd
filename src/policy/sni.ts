import { isIP } from 'node:net';

/** The server name to send for `host`, empty for none: an address is never sent (RFC 6066 section 3). */
export function sniOf(host: string): string {
  return isIP(host) === 0 ? host : '';
}
