/** What the log says of a recipient. Pure. */
import { printable } from '../text';
import type { RecipientVerdict } from './decide';
import type { Client } from './client_rule';

export interface Circumstances {
  readonly client: Client;
  /** The envelope sender, empty for the null sender. */
  readonly sender: string;
  readonly recipient: string;
  /** The TLS version, or `none`. */
  readonly tls: string;
}

/** One line with the rule and what was seen. */
export function verdictLine(verdict: RecipientVerdict, seen: Circumstances): string {
  const fields: [key: string, value: string][] = [
    ['rule', verdict.rule],
    ['client', `${seen.client.ip}${seen.client.kind === 'own' ? ' (own)' : ''}`],
    ['from', `<${seen.sender}>`],
    ['to', `<${seen.recipient}>`],
    ['tls', seen.tls || 'unknown'],
  ];
  if (verdict.kind !== 'admitted')
    fields.push(['reason', verdict.failure.reason], ['text', verdict.failure.text]);
  if (verdict.kind === 'refused') fields.push(['reply', `${verdict.reply.code} ${verdict.reply.status}`]);
  const written = fields.filter(([, value]) => value !== '').map(([key, value]) => `${key}=${quoted(value)}`);
  return [`tls-peers inbound ${verdict.kind}`, ...written].join(' ');
}

function quoted(value: string): string {
  const text = printable(value, 320);
  return /^[\x21\x23-\x7e]+$/.test(text) ? text : JSON.stringify(text);
}
