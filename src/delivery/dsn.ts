import type { Dsn } from './haraka';

/**
 * A DSN entry for `status` (RFC 3463), such as `4.7.5`; the SMTP code follows from its class. Haraka writes `msg` into a
 * header field as it is, so it is held to printable ASCII.
 */
export function dsn(status: string, msg: string): Dsn {
  const [cls = 4, sub = 0, det = 0] = status.split('.').map(Number);
  return { code: cls === 5 ? 550 : 451, msg: msg.replace(/[^\x20-\x7e]/g, '?'), cls, sub, det };
}
