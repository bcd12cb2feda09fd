/** Holds what was seen of the suite to what is expected of it, and to itself. Pure. */
import type { Behaviour, Expected, Ours, Part, Seen } from './behaviour';
import { condensed, condensedOfSome, listed } from './in_words';

/** What is not as expected, one line each. */
export function faultsOf(behaviour: Behaviour, column: Ours, seen: Seen): string[] {
  const expected = behaviour.expected[column];
  return [
    ...outcomeFaults(behaviour, expected, seen),
    ...unlike(transferOf(behaviour, expected), seen),
    ...unlike(followingFrom(behaviour, seen), seen),
    ...parameterFaults(expected, seen),
    ...(column === 'mandatory' && expected.protection !== 'cleartext' && isRevealing(seen.outside)
      ? [`outside TLS the peer saw ${seen.outside}`]
      : []),
  ];
}

/** RFC 3463 section 2: the class of a status is that of the outcome. */
const deferred = 'deferred (?:-|4\\.\\d+\\.\\d+)';
const bounced = 'bounced (?:-|5\\.\\d+\\.\\d+)';
const patterns: readonly (readonly [word: string, pattern: string])[] = [
  ['deferred ?', deferred],
  ['bounced ?', bounced],
  ['safe', `(?:delivered|${deferred}|${bounced})`],
];

function outcomeFaults({ recipients }: Behaviour, { outcome }: Expected, seen: Seen): string[] {
  const wanted = new Map(
    recipients.map((name) => [name, typeof outcome === 'string' ? outcome : (outcome[name] ?? 'not told')]),
  );
  if (recipients.every((name) => isLike(wanted.get(name) ?? '', seen.outcomes[name] ?? 'lost'))) return [];
  return [`outcome is ${JSON.stringify(seen.outcome)}, expected ${JSON.stringify(condensed([...wanted]))}`];
}

function isLike(wanted: string, seen: string): boolean {
  const literal = wanted.replace(/[.*+^${}()|[\]\\]/g, '\\$&');
  const pattern = patterns.reduce((text, [word, one]) => text.replaceAll(word, one), literal);
  return new RegExp(`^${pattern}$`).test(seen);
}

/** What is expected of the transfer where it is not told: one copy of what is delivered, within TLS, of the first host. */
function transferOf({ recipients }: Behaviour, expected: Expected): Partial<Record<Part, string>> {
  const { outcome } = expected;
  const outcomes = recipients.map((name) => (typeof outcome === 'string' ? outcome : (outcome[name] ?? '')));
  if (outcomes.includes('safe') && expected.copies === undefined) return {};
  const copies =
    expected.copies ??
    condensed(recipients.map((name, at) => [name, outcomes[at] === 'delivered' ? '1' : '0']));
  return {
    copies,
    message: copies === '0' ? '-' : 'exact',
    protection: copies === '0' ? '-' : (expected.protection ?? 'TLS'),
    hosts: expected.hosts ?? 'mx1',
  };
}

/** What has to be in the queue and in the sender's mailbox, given the outcome, whatever it is. */
function followingFrom({ recipients, sender }: Behaviour, seen: Seen): Partial<Record<Part, string>> {
  const of = (name: string): string => seen.outcomes[name] ?? '';
  const bounced = recipients.map((name): readonly [string, string | undefined] => [
    name,
    of(name).startsWith('bounced') ? of(name).slice('bounced '.length) : undefined,
  ]);
  return {
    waiting: listed(recipients, (name) => of(name).startsWith('deferred')),
    // To a sender whose own address needs SMTPUTF8 the DSN would have to go to a host that offers it.
    bounces: /^[ -~]+$/.test(sender) ? condensedOfSome(bounced) : '-',
    process: 'survived',
    log: 'clean',
  };
}

function unlike(wanted: Partial<Record<Part, string>>, seen: Seen): string[] {
  return (Object.entries(wanted) as [Part, string][])
    .filter(([part, text]) => seen[part] !== text)
    .map(([part, text]) => `${part} is ${JSON.stringify(seen[part])}, expected ${JSON.stringify(text)}`);
}

function parameterFaults({ mail }: Expected, seen: Seen): string[] {
  if (seen.mail.includes('(SIZE=')) return [`the size declared is wrong: ${seen.mail}`];
  return mail?.test(seen.mail) === false
    ? [`mail is ${JSON.stringify(seen.mail)}, expected ${String(mail)}`]
    : [];
}

function isRevealing(outside: Seen['outside']): boolean {
  return outside === 'credentials' || outside === 'envelope' || outside === 'message';
}
