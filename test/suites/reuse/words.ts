/**
 * A session as its peer saw it, in words: its commands in order, `|` before what came through TLS, each message by its number, and `…` where
 * the session still stands.
 *
 *     EHLO STARTTLS | EHLO MAIL RCPT DATA (1) MAIL RCPT DATA (2) QUIT
 */
import type { PeerConnection } from '../../../haraka-test-harness/smtp_peer';

/** @param numberOf the number of the message with this id */
export function inWords(connection: PeerConnection, numberOf: (id: string) => number | undefined): string {
  const { cleartext, encrypted, state } = connection;
  const words = [
    ...commandsIn(cleartext, numberOf),
    ...(encrypted === '' ? [] : ['|', ...commandsIn(encrypted, numberOf)]),
  ];
  const isOver = state === 'closed' || words.at(-1) === 'QUIT';
  return [...words, ...(isOver ? [] : ['…'])].join(' ');
}

function commandsIn(octets: string, numberOf: (id: string) => number | undefined): string[] {
  const words: string[] = [];
  let rest = octets;
  while (rest !== '') {
    // A command is never a header.
    if (!/^[A-Za-z][A-Za-z0-9-]*: /.test(rest)) {
      const end = rest.indexOf('\r\n');
      const line = end < 0 ? rest : rest.slice(0, end);
      rest = end < 0 ? '' : rest.slice(end + 2);
      words.push(line.split(' ')[0]?.toUpperCase() ?? '');
      continue;
    }
    const end = rest.indexOf('\r\n.\r\n');
    const id = /^Lab-Message-Id: (\S+)\r$/m.exec(end < 0 ? rest : rest.slice(0, end))?.[1] ?? '';
    const number = numberOf(id);
    words.push(`(${number ?? 'unknown'}${end < 0 ? ' cut off' : ''})`);
    rest = end < 0 ? '' : rest.slice(end + 5);
  }
  return words;
}

const carried = (messages: readonly (number | string)[]): string =>
  messages.map((one) => (typeof one === 'number' ? `MAIL RCPT DATA (${one})` : one)).join(' ');

/** A session over TLS that carried these messages (by number, or in words) and still stands. */
export function tls(...messages: readonly (number | string)[]): string {
  return `EHLO STARTTLS | EHLO ${carried(messages)} …`;
}

/** The same in cleartext. */
export function clear(...messages: readonly (number | string)[]): string {
  return `EHLO ${carried(messages)} …`;
}

/** The client has taken leave. */
export function left(session: string): string {
  return session.replace(/ …$/, ' QUIT');
}

/** It ended without that. */
export function gone(session: string): string {
  return session.replace(/ …$/, '');
}

/** A handshake that did not meet what was required: nothing is said behind it. */
export const refused = 'EHLO STARTTLS';
