/** What came of one message, read at Haraka, at the peers, in the queue, and in the sender's mailbox. */
import type { Outcome } from '../../../haraka-test-harness/reports';
import type { Behaviour, Seen } from './behaviour';
import { condensed, condensedOfSome, listed } from './in_words';
import type { Peer, Transfer } from './peer';
import { localPart, type Queued } from './station';

export interface Evidence {
  readonly behaviour: Behaviour;
  readonly id: string;
  readonly outcomes: readonly Outcome[];
  readonly queue: readonly Queued[];
  readonly peers: readonly Peer[];
  readonly visited: readonly string[];
  /** The message of every DSN that the sender got. */
  readonly dsns: readonly string[];
  readonly process: string;
  readonly logLines: readonly string[];
}

export function seenIn(evidence: Evidence): Seen {
  const { behaviour, peers } = evidence;
  const names = behaviour.recipients;
  const visits = peers.flatMap((peer) => peer.visits);
  const transfers = visits.flatMap((visit) => visit.transfers);
  const commands = visits.flatMap((visit) => visit.commands);
  const waiting = new Set(
    evidence.queue.filter(({ id }) => id === evidence.id).flatMap((one) => one.recipients),
  );
  const told = outcomesOf(evidence.outcomes);
  const outcomes = new Map(
    names.map((name) => [name, told.get(name) ?? (waiting.has(name) ? 'hangs' : 'lost')]),
  );
  const statuses = statusesOf(evidence.dsns);
  return {
    outcomes: Object.fromEntries(outcomes),
    outcome: condensed([...outcomes]),
    copies: condensed(names.map((name) => [name, String(copiesOf(transfers, name))])),
    message: messageOf(transfers, commands, `Lab-Message-Id: ${evidence.id}\r\n${behaviour.message}`),
    mail: parametersOf(transfers),
    waiting: listed(names, (name) => waiting.has(name)),
    bounces: condensedOfSome(names.map((name) => [name, statuses.get(name)])),
    hosts: hostsIn(evidence.visited),
    // The lone dot that ends DATA where nobody was accepted is no copy.
    protection:
      [...new Set(transfers.filter(({ to }) => to.length > 0).map(({ protection }) => protection))]
        .sort()
        .join(', ') || '-',
    process: evidence.process,
    log: evidence.logLines.some(holdsControlCharacter) ? 'control characters' : 'clean',
    outside: revealedIn(visits.map(({ cleartext }) => cleartext).join('\r\n')),
  };
}

function outcomesOf(outcomes: readonly Outcome[]): Map<string, string> {
  const all = new Map<string, string>();
  const add = (name: string, what: string): void => {
    const before = all.get(name);
    all.set(name, before === undefined ? what : `${before} and ${what}`);
  };
  for (const { status, delivery, recipients } of outcomes) {
    if (delivery !== 'none') delivery.accepted.forEach((address) => add(localPart(address), 'delivered'));
    else
      recipients.forEach(({ address, dsn_status }) =>
        add(localPart(address), `${status} ${dsn_status ?? '-'}`),
      );
  }
  return all;
}

function copiesOf(transfers: readonly Transfer[], name: string): number {
  const octets = Buffer.from(name, 'utf8').toString('latin1');
  return transfers.filter(({ to }) => to.includes(octets)).length;
}

/** Without the dot that goes before a line that begins with one (RFC 5321 section 4.5.2). */
function unstuffed(wire: string): string {
  return wire.replace(/(^|\r\n)\./g, '$1');
}

/** Haraka puts Received fields on top; nothing else may differ. */
function messageOf(transfers: readonly Transfer[], commands: readonly string[], sent: string): string {
  const asCommands = commands.some((line) => line.startsWith('Lab-Message-Id:')) ? ['sent as commands'] : [];
  const whole = sent.endsWith('\r\n') ? sent : `${sent}\r\n`;
  const faults = transfers
    // What ends a transaction without a recipient that was accepted (RFC 2920 section 3.1).
    .filter(({ to, wire }) => to.length > 0 || wire !== '')
    .map((transfer) => {
      if (transfer.to.length === 0) return 'sent to nobody';
      const data = unstuffed(transfer.wire);
      if (!data.endsWith(whole)) return 'changed';
      const above = data.slice(0, data.length - whole.length);
      if (!/^(?:Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*$/.test(above)) return 'something before it';
      return 'exact';
    });
  return [...new Set([...faults, ...asCommands])].join(', ') || '-';
}

function revealedIn(cleartext: string): Seen['outside'] {
  if (cleartext.includes('Lab-Message-Id:')) return 'message';
  if (/^(?:MAIL|RCPT)/im.test(cleartext)) return 'envelope';
  if (/^AUTH/im.test(cleartext)) return 'credentials';
  if (/^STARTTLS/im.test(cleartext)) return 'STARTTLS';
  return /^(?:EHLO|LHLO|HELO)/im.test(cleartext) ? 'EHLO' : 'nothing';
}

/** The parameters of MAIL. What SIZE declares is held to the message that came. */
function parametersOf(transfers: readonly Transfer[]): string {
  const told = transfers
    .filter(({ to }) => to.length > 0)
    .map(({ parameters, wire }) => {
      const names = parameters.split(' ').filter((one) => one !== '');
      const declared = /\bSIZE=(\d+)/i.exec(parameters)?.[1];
      // RFC 1870 section 3: octets with their line ends, without the dots that were added; one that counts them may stand.
      const least = unstuffed(wire).length;
      const isWrong = declared !== undefined && (Number(declared) < least || Number(declared) > wire.length);
      return [
        ...names.map((one) => (/^SIZE=/i.test(one) ? 'SIZE' : one.toUpperCase())).sort(),
        ...(isWrong ? [`(SIZE=${declared} for ${least})`] : []),
      ].join(' ');
    });
  return [...new Set(told)].join(', ') || '-';
}

/** RFC 3464 section 2.3: a group of fields per recipient. */
function statusesOf(dsns: readonly string[]): Map<string, string> {
  const all = new Map<string, string>();
  for (const dsn of dsns) {
    for (const group of dsn.split(/\r\n\r\n/)) {
      for (const part of group.split(/(?=^Final-Recipient:)/m)) {
        const recipient = /^Final-Recipient: rfc822;\s*(\S+)/m.exec(part)?.[1];
        if (recipient === undefined) continue;
        const name = localPart(Buffer.from(recipient, 'latin1').toString('utf8'));
        const status = /^Status: (\d\.\d+\.\d+)/m.exec(part)?.[1] ?? '-';
        const odd = holdsControlCharacter(part.replace(/[\r\n\t]/g, '')) ? ' with control characters' : '';
        const text = `${status}${odd}`;
        all.set(name, all.has(name) ? `${all.get(name) ?? ''} and ${text}` : text);
      }
    }
  }
  return all;
}

function holdsControlCharacter(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  return /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text);
}

function hostsIn(visited: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of visited) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name}*${count}`)).join(' ') || '-';
}
