/** For which services a DKIM key is (`s=`, RFC 6376 section 3.6.1). Pure. */

/** What else than `*` is taken to vouch for TLS reports. `tlsrpt` is what RFC 8460 section 3 asks for. */
type Also = 'tlsrpt' | 'email';

/** Whether a key record is for services among which reports are not. One that names no service is for all. */
export function excludesReports(record: string, also: readonly Also[]): boolean {
  const [, services] = /(?:^|;)\s*s\s*=\s*([^;]*)/.exec(record) ?? [];
  if (services === undefined) return false;
  const named = services.split(':').map((one) => one.trim().toLowerCase());
  return !named.some((one) => one === '*' || also.some((service) => service === one));
}
