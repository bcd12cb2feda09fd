import type { Dsn } from './haraka';

/** `text` as printable ASCII on one line: Haraka writes it as it is into header fields, and into a part in us-ascii. */
export function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/** A DSN entry for `status` (RFC 3463), such as `4.7.5`; the SMTP code follows from its class. */
export function dsn(status: string, msg: string): Dsn {
  const [cls = 4, sub = 0, det = 0] = status.split('.').map(Number);
  return { code: cls === 5 ? 550 : 451, msg: ascii(msg), cls, sub, det };
}
