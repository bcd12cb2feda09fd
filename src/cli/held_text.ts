/** What `tls-peers held` says: first the one sentence that matters, then each peer and reason. Pure but for the processes. */
import type { HeldGroup, OtherwiseWaiting } from '../evidence/views/held';
import { quoted as quotedPath } from '../state/access';
import { printable } from '../text';
import { durationText, momentText } from './duration';
import type { Enveloped, HeldReading } from './held';
import { labelled, paragraph } from './layout/paragraph';
import { warningLines } from './layout/warning';
import type { Output } from './output';
import { remedyFor } from './remedies';
import { isRunning } from '../state/running';

export interface HeldShown extends HeldReading {
  /** The oldest message of each group, as far as it is still there. */
  readonly oldest: readonly Enveloped[];
  readonly queue: string;
  /** The directory of the install. */
  readonly install: string;
  readonly now: Date;
}

const mostShown = 50;

export function heldLines(output: Output, shown: HeldShown): string[] {
  const { groups, now } = shown;
  const lines = paragraph(output, [sentenceOf(shown)]);
  for (const group of groups.slice(0, mostShown)) {
    const oldest = shown.oldest.find(({ key }) => key === group.oldest.key);
    lines.push('', ...groupLines(output, group, oldest, now));
  }
  if (groups.length > mostShown)
    lines.push('', `${groups.length - mostShown} more peers and reasons: --json has them all`);
  if (groups.length > 0)
    lines.push(
      '',
      ...paragraph(output, [
        `Nothing is lost: each is tried again at its time. When the cause is mended, haraka -c ${quotedPath(shown.install)} --qunstick tries all of them at once.`,
      ]),
    );
  return [...lines, ...remarks(output, shown)];
}

/** What an operator wants to know before anything else. */
function sentenceOf({ messages, groups, waiting, otherwise, now }: HeldShown): string {
  const rest = otherwiseText(otherwise, messages.length);
  if (messages.length === 0) {
    if (waiting.length === 0) return 'The queue is empty.';
    return `Nothing waits because of a TLS rule${rest === '' ? '' : `; ${rest}`}.`;
  }
  const peers = new Set(groups.map(({ peer }) => peer)).size;
  const what = `${counted(messages.length, 'message')} to ${counted(peers, 'peer')}`;
  const wait = messages.length === 1 ? 'waits' : 'wait';
  const [oldest] = messages;
  const age =
    oldest === undefined ? '' : `, the oldest for ${durationText(now.getTime() - oldest.arrived.getTime())}`;
  return `${what} ${wait} because of a TLS rule${age}${rest === '' ? '' : `; ${rest}`}.`;
}

const otherwiseTexts: Readonly<Record<keyof OtherwiseWaiting, string>> = {
  reply: 'that a host put off',
  notReached: 'whose host was not reached',
  other: 'for another reason',
  untried: 'not tried yet, or just now',
  notKnown: 'of which it is not known',
};

function otherwiseText(otherwise: OtherwiseWaiting, held: number): string {
  const counts: readonly number[] = Object.values<number>({ ...otherwise });
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return '';
  const parts = (Object.keys(otherwiseTexts) as (keyof OtherwiseWaiting)[])
    .filter((name) => otherwise[name] > 0)
    .map((name) => `${otherwise[name]} ${otherwiseTexts[name]}`);
  return `${all} ${held === 0 ? '' : 'more '}in the queue without one: ${parts.join(', ')}`;
}

function groupLines(output: Output, group: HeldGroup, oldest: Enveloped | undefined, now: Date): string[] {
  const { peer, reason, messages, rule, host, text, since, nextTry, managed, requiretls } = group;
  const sender = oldest !== undefined && 'envelope' in oldest ? `<${oldest.envelope.sender}>` : '';
  const at = host === '' ? '' : `${host}: `;
  const from = managed === '' ? (sender === '<>' ? '"<>"' : (senderDomainOf(oldest) ?? 'SENDER')) : managed;
  const facts: readonly (readonly [label: string, text: string])[] = [
    ['seen', `${at}${text}`],
    ['rule', rule === '' ? 'none was found' : rule],
    ...(requiretls === undefined ? [] : [['asked', 'REQUIRETLS, by the sender'] as const]),
    ['held', `since ${momentText(since)}, for ${durationText(now.getTime() - since.getTime())}`],
    [
      'oldest',
      `of ${momentText(group.oldest.arrived)}${sender === '' ? '' : ` from ${sender}`}, tried ${counted(group.oldest.attempts, 'time')}`,
    ],
    ['next', nextText(nextTry, now)],
    [
      'look',
      `tls-peers explain ${requiretls === undefined ? '' : '--requiretls '}${quoted(from)} ${quoted(peer)}; tls-peers test --from ${quoted(from)} ${quoted(peer)}`,
    ],
    ['do', remedyFor(reason, requiretls)],
  ];
  return [
    ...paragraph(output, [
      { text: peer, style: 'bold' },
      { text: reason, style: 'red' },
      counted(messages, 'message'),
      managed === '' ? 'of no managed domain' : `of ${managed}`,
    ]),
    ...facts.flatMap(([label, what]) =>
      labelled(output, { text: label, style: 'dim' }, [what], { width: 8, indent: 2 }),
    ),
  ];
}

function senderDomainOf(oldest: Enveloped | undefined): string | undefined {
  if (oldest === undefined || !('envelope' in oldest)) return undefined;
  const { sender } = oldest.envelope;
  return sender.slice(sender.lastIndexOf('@') + 1) || undefined;
}

/** For a shell. What came from others is printable by then, and stands in quotes unless it is a plain name. */
function quoted(word: string): string {
  if (/^[\w.-]+$/.test(word) || word === '"<>"') return word;
  return `'${printable(word).replaceAll("'", "'\\''")}'`;
}

function nextText(next: Date, now: Date): string {
  const left = next.getTime() - now.getTime();
  return left >= 0
    ? `try in ${durationText(left)}, at ${momentText(next)}`
    : `try was due ${durationText(left)} ago, at ${momentText(next)}`;
}

/** Milliseconds after which a message that is due must be under way. */
const patience = 60_000;

function remarks(output: Output, { waiting, setAside, foreign, queue, now }: HeldShown): string[] {
  const overdue = waiting.filter(({ nextTry }) => now.getTime() - nextTry.getTime() > patience);
  const nobodys = overdue.filter(({ pid }) => !isRunning(pid));
  const warnings: string[] = [];
  if (nobodys.length > 0)
    warnings.push(
      `${counted(nobodys.length, 'message')} should have been tried by now, and no process here has the number that is in the name of the queue file: is Haraka running?`,
    );
  if (setAside > 0)
    warnings.push(
      `Haraka could not read ${counted(setAside, 'message')}, and does not try again: error.* in ${queue}`,
    );
  if (foreign > 0)
    warnings.push(
      `${counted(foreign, 'entry', 'entries')} in ${queue} Haraka does not know, and leaves alone`,
    );
  return warningLines(output, warnings);
}

function counted(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
