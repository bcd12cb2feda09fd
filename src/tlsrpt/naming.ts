/** Names of a report: of its file, and the subject of its mail (RFC 8460 sections 5.1 and 5.3). Pure. */
import type { Day } from '../peers/day';
import { submitterOf, type Report } from './document';

export interface Named {
  readonly domain: string;
  readonly day: Day;
  readonly report: Report;
}

/** `sender!policy-domain!begin!end!id.json.gz`, times in seconds since 1970. */
export function fileName({ domain, day, report }: Named): string {
  const begin = Date.parse(`${day}T00:00:00Z`) / 1000;
  const id = report['report-id'].replace(/@.*$/, '').replace(/[^0-9A-Za-z]/g, '');
  return `${submitterOf(report['contact-info'])}!${domain}!${begin}!${begin + 86_399}!${id}.json.gz`;
}

export function subject({ domain, report }: Named): string {
  return `Report Domain: ${domain} Submitter: ${submitterOf(report['contact-info'])} Report-ID: <${report['report-id']}>`;
}
