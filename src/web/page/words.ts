/** Numbers, times and names as people read them. Pure. */

const whole = new Intl.NumberFormat('en');
const share = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'short',
});

export function number(of: number): string {
  return whole.format(of);
}

/** @returns empty where there is nothing to take a share of */
export function percent(part: number, of: number): string {
  return of === 0 ? '' : share.format(part / of);
}

/** With its zone. @param iso ISO 8601, or empty */
export function time(iso: string): string {
  const at = Date.parse(iso);
  return Number.isNaN(at) ? '' : moment.format(at);
}

/** `in 3 days`, `2 hours ago`. */
export function away(iso: string, now = Date.now()): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Number.isNaN(seconds)) return '';
  const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  const size = Math.abs(seconds);
  if (size < 90) return words.format(Math.round(seconds), 'second');
  if (size < 5400) return words.format(Math.round(seconds / 60), 'minute');
  if (size < 129_600) return words.format(Math.round(seconds / 3600), 'hour');
  return words.format(Math.round(seconds / 86_400), 'day');
}

const names: Readonly<Record<string, string>> = {
  none: 'cleartext',
  TLSv1: 'TLS 1.0',
  'TLSv1.1': 'TLS 1.1',
  'TLSv1.2': 'TLS 1.2',
  'TLSv1.3': 'TLS 1.3',
  unknown: 'not known',
  by_requirement: 'by requirement',
  not_listed: 'not listed',
  not_known: 'not known',
  unauthenticated: 'not authenticated',
  pkix: 'PKIX',
  dane: 'DANE',
  'dane+pkix': 'DANE and PKIX',
};

export function named(name: string): string {
  return names[name] ?? name.replaceAll('_', ' ');
}

export function domainName(domain: string): string {
  return domain === '' ? 'unspecified domains' : domain;
}

export const versions = ['none', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'unknown'] as const;
export const outcomes = ['delivered', 'accepted', 'deferred', 'bounced', 'refused'] as const;
