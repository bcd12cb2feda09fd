/** A report as a mail (RFC 8460 section 5.3), signed. */
import { gzipSync } from 'node:zlib';
import Dkim from 'nodemailer/lib/dkim';
import MimeNode from 'nodemailer/lib/mime-node';
import { submitterOf, type Report } from '../../tlsrpt/document';
import { fileName, subject, type Named } from '../../tlsrpt/naming';
import type { DkimKey } from './dkim_key';

export interface MailTo extends Named {
  readonly from: string;
  readonly to: string;
  readonly date: Date;
}

/** What the signature covers: what a reader goes by, and what a report is told by. */
const signed = [
  'From',
  'To',
  'Subject',
  'Date',
  'Message-ID',
  'MIME-Version',
  'Content-Type',
  'TLS-Report-Domain',
  'TLS-Report-Submitter',
  'TLS-Required',
  'Auto-Submitted',
].join(':');

/** What is sent, compressed. */
export function packed(report: Report): Buffer {
  return gzipSync(JSON.stringify(report));
}

/**
 * @returns the whole message in ASCII, without dot-stuffing
 * @throws Error where it cannot be signed
 */
export async function composeMail(mail: MailTo, key: DkimKey): Promise<string> {
  const { report, domain } = mail;
  const root = new MimeNode('multipart/report; report-type="tlsrpt"');
  root.setHeader('From', { name: report['organization-name'], address: mail.from });
  root.setHeader('To', mail.to);
  root.setHeader('Subject', subject(mail));
  root.setHeader('Date', mail.date);
  root.setHeader('Message-ID', `<${report['report-id']}>`);
  root.setHeader('TLS-Report-Domain', domain);
  root.setHeader('TLS-Report-Submitter', submitterOf(report['contact-info']));
  // Whatever is wrong with the receiver's TLS: it is to learn of it (RFC 8460 section 3, RFC 8689).
  root.setHeader('TLS-Required', 'No');
  root.setHeader('Auto-Submitted', 'auto-generated');
  root.createChild('text/plain; charset=utf-8').setContent(forPeople(mail));
  root
    .createChild('application/tlsrpt+gzip', { filename: fileName(mail) })
    .setHeader('Content-Transfer-Encoding', 'base64')
    .setContent(packed(report));
  const signer = new Dkim({
    domainName: key.domain,
    keySelector: key.selector,
    privateKey: key.privateKey,
    headerFieldNames: signed,
  });
  let text = '';
  for await (const piece of signer.sign(await root.build())) text += String(piece);
  if (!/^DKIM-Signature:/im.test(text.slice(0, text.indexOf('\r\n\r\n'))))
    throw new Error('it could not be signed');
  return text;
}

function forPeople({ domain, day, report }: Named): string {
  const total = (key: 'total-successful-session-count' | 'total-failure-session-count'): number =>
    report.policies.reduce((sum, { summary }) => sum + summary[key], 0);
  return [
    `This is a TLS report (RFC 8460) about mail that was sent to ${domain} on ${day} (UTC).`,
    `It was asked for by the TXT record at _smtp._tls.${domain}.`,
    '',
    `Sessions that met the policy: ${total('total-successful-session-count')}`,
    `Sessions that did not: ${total('total-failure-session-count')}`,
    '',
    `Questions: ${report['contact-info']}`,
    '',
  ].join('\r\n');
}
