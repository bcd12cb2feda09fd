/** What a DKIM key record says: which key it is, and for which services (RFC 6376 section 3.6.1). Pure. */
import { createPublicKey } from 'node:crypto';

/** What else than `*` is taken to vouch for TLS reports. `tlsrpt` is what RFC 8460 section 3 asks for. */
type Also = 'tlsrpt' | 'email';

/** Whether a key record is for services among which reports are not. One that names no service is for all. */
export function excludesReports(record: string, also: readonly Also[]): boolean {
  const [, services] = /(?:^|;)\s*s\s*=\s*([^;]*)/.exec(record) ?? [];
  if (services === undefined) return false;
  const named = services.split(':').map((one) => one.trim().toLowerCase());
  return !named.some((one) => one === '*' || also.some((service) => service === one));
}

/** The record that publishes the other half of `privateKey` (PEM, RSA). */
export function keyRecord(privateKey: string): string {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return `v=DKIM1; k=rsa; p=${spki.toString('base64')}`;
}

/** Whether the record publishes the other half of `privateKey` (PEM, RSA). */
export function holdsKey(record: string, privateKey: string): boolean {
  const published = keyIn(record);
  const own = createPublicKey(privateKey);
  // Both are in use (RFC 8301 and its erratum); the record does not say which it is.
  return (['spki', 'pkcs1'] as const).some((type) => own.export({ type, format: 'der' }).equals(published));
}

/** Whether two records publish one key, the second as `keyRecord` writes it. */
export function isSameKey(record: string, written: string): boolean {
  const key = createPublicKey({ key: keyIn(written), format: 'der', type: 'spki' });
  return holdsKey(record, key.export({ type: 'spki', format: 'pem' }).toString());
}

function keyIn(record: string): Buffer {
  const [, written = ''] = /(?:^|;)\s*p\s*=\s*([^;]*)/.exec(record) ?? [];
  return Buffer.from(written.replace(/\s+/g, ''), 'base64');
}
