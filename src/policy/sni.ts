import { isIP } from 'node:net';

/** The server name to send for `host`; `undefined` for an address, which is never sent (RFC 6066 section 3). */
export function sniOf(host: string): string | undefined {
  return isIP(host) === 0 ? host : undefined;
}
