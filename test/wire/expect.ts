/** Holds what was seen of the suite to what is expected of it. Pure. */
import { parts, type Behaviour, type Expected, type Ours, type Part, type Seen } from './behaviour';
import { condensed, condensedOfSome, listed } from './in_words';

/** What is not as expected, one line each. */
export function faultsOf(behaviour: Behaviour, column: Ours, seen: Seen): string[] {
  const expected = wholeOf(behaviour, behaviour.expected[column]);
  return parts
    .filter((part) => !matches(expected[part], seen[part]))
    .map((part) => `${part} is ${JSON.stringify(seen[part])}, expected ${JSON.stringify(expected[part])}`);
}

/** A status that is told as `?` may be any, or none. */
function matches(wanted: string, seen: string): boolean {
  if (wanted === 'any' || wanted === seen) return true;
  if (!wanted.includes('?')) return false;
  const literal = wanted.replace(/[.*+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('?', '(?:-|no status|[245]\\.\\d+\\.\\d+)')}$`).test(seen);
}

/** What follows from the outcome, where it is not told. */
function wholeOf({ recipients, sender }: Behaviour, expected: Expected): Record<Part, string> {
  const outcomes = new Map(
    recipients.map((name) => [
      name,
      typeof expected.outcome === 'string' ? expected.outcome : (expected.outcome[name] ?? 'untold'),
    ]),
  );
  const is = (name: string, kind: string): boolean => outcomes.get(name)?.startsWith(kind) === true;
  const copies =
    expected.copies ?? condensed(recipients.map((name) => [name, is(name, 'delivered') ? '1' : '0']));
  const none = copies === '0';
  return {
    outcome: condensed([...outcomes]),
    copies,
    message: copies === 'any' ? 'any' : none ? '-' : 'exact',
    waiting: listed(recipients, (name) => is(name, 'deferred')),
    bounces:
      sender === ''
        ? '-'
        : condensedOfSome(
            [...outcomes].map(([name, outcome]) => [
              name,
              outcome.startsWith('bounced') ? outcome.slice('bounced '.length) : undefined,
            ]),
          ),
    hosts: expected.hosts ?? 'mx1',
    protection: copies === 'any' ? 'any' : none ? '-' : (expected.protection ?? 'TLS'),
    process: 'survived',
    log: 'clean',
  };
}
