/** Whether a request that does something comes from a page of ours. Pure. */
import type { Fields } from './proxies';

/**
 * Browsers name the page that a POST comes from (RFC 6454), and how it stands to where it goes. What says nothing of itself is
 * no browser of today, and is not believed either.
 *
 * @param host the Host header, which was held to the names of ours
 */
export function isFromOurPage(fields: Fields, host: string): boolean {
  const [origin, ...more] = fields['origin'] ?? [];
  if (more.length > 0) return false;
  if (origin === undefined) return fields['sec-fetch-site']?.[0] === 'same-origin';
  return (
    new RegExp('^https?://', 'i').test(origin) &&
    origin.replace(/^https?:\/\//i, '').toLowerCase() === host.toLowerCase()
  );
}
