/** One section of an INI file, held against the schema. Pure. */
import { headerOf, type LocatedSection } from '../ini/locate';
import { closest } from './closest';
import type { Fault } from './fault';
import type { Keys, Written } from './keys';
import type { Reading, Wrong } from './values';

export interface ReadSection<K extends Keys> {
  readonly values: Written<K>;
  /** The line of each key in `values`. */
  readonly lines: Readonly<Record<string, number>>;
  readonly faults: readonly Fault[];
}

/**
 * Reads what haraka-config found (`values`) by the types in `keys`.
 *
 * @param located where the keys stand, and how they were written
 */
export function readSection<K extends Keys>(
  keys: K,
  file: string,
  located: LocatedSection,
  values: Readonly<Record<string, unknown>>,
): ReadSection<K> {
  const read: Record<string, unknown> = {};
  const lines: Record<string, number> = {};
  const faults: Fault[] = [];
  const place = { file, section: headerOf(located.name) };
  for (const name of Object.keys(values)) {
    const { line = located.line, lines: own = [], texts: raw } = located.keys.get(name) ?? {};
    const texts = textsOf(values[name], raw);
    // A key without any value was reported by its line.
    if (texts.length === 0) continue;
    const result = readKey(keys, name, texts);
    if (result.kind === 'wrong') {
      faults.push(...faultsOf(keys, place, { key: name, line, lines: own, texts }, result));
      continue;
    }
    read[name] = result.value;
    if (line !== undefined) lines[name] = line;
  }
  faults.push(...supersededFaults(keys, place, located));
  if (Object.hasOwn(read, 'security_level') && isSecure(located)) addPostfixMatch(keys, read, lines);
  return { values: read as Written<K>, lines, faults };
}

type KeyReading =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'wrong'; readonly problems: readonly Wrong[]; readonly allowed: string | undefined };

type WrongKey = Extract<KeyReading, { kind: 'wrong' }>;

/** A key as it was written. */
interface WrittenKey {
  readonly key: string;
  readonly texts: readonly string[];
  readonly line: number | undefined;
  /** Where each of `texts` stands, for a `key[]`; otherwise empty. */
  readonly lines: readonly number[];
}

/** One for each thing that is wrong, at the line of the `key[]` where it stands. */
function faultsOf(
  keys: Keys,
  place: Pick<Fault, 'file' | 'section'>,
  { key, texts, line, lines }: WrittenKey,
  whole: WrongKey,
): Fault[] {
  const faultsAt = (at: number | undefined, value: string, { problems, allowed }: WrongKey): Fault[] =>
    problems.map((one) => ({ ...place, line: at, key, value, allowed, ...one }));
  const isList = Object.hasOwn(keys, key) && keys[key]?.type.arity === 'list';
  const own = (isList && lines.length === texts.length ? texts : []).flatMap((text, index) => {
    const result = text.trim() === '' ? undefined : readKey(keys, key, [text]);
    return result?.kind === 'wrong' ? faultsAt(lines[index] ?? line, text, result) : [];
  });
  return own.length > 0 ? own : faultsAt(line, texts.join(', '), whole);
}

/** What does not count, because it stands again further on, is to be put right all the same. */
function supersededFaults(
  keys: Keys,
  place: Pick<Fault, 'file' | 'section'>,
  { superseded }: LocatedSection,
): Fault[] {
  return superseded.flatMap((one) => {
    const result = readKey(keys, one.key, one.texts);
    return result.kind === 'wrong' ? faultsOf(keys, place, { ...one, lines: [] }, result) : [];
  });
}

function readKey(keys: Keys, name: string, texts: readonly string[]): KeyReading {
  const of = Object.hasOwn(keys, name) ? keys[name] : undefined;
  const wrong = (problem: string, allowed?: string, suggestion?: string): KeyReading => ({
    kind: 'wrong',
    problems: [{ problem, suggestion }],
    allowed,
  });
  if (of === undefined) {
    const known = Object.keys(keys);
    return known.length === 0
      ? wrong('no key may stand above the first section')
      : wrong('no such key here', known.join(', '), closest(name, known));
  }
  if (of.type.arity === 'one' && texts.length > 1)
    return wrong('only one value is possible', of.type.allowed);
  const text = texts.join(',');
  if (text.trim() === '') return wrong('empty', of.type.allowed);
  const reading: Reading<unknown> = of.type.read(text);
  if (reading.kind === 'value') return { kind: 'value', value: reading.value };
  const comment = /\s[;#]/.test(text) ? ' (a comment needs a line of its own)' : '';
  const { problem, suggestion, further } = reading;
  const problems =
    comment === ''
      ? [{ problem, suggestion }, ...further]
      : [{ problem: `${problem}${comment}`, suggestion }];
  return { kind: 'wrong', problems, allowed: of.type.allowed };
}

/** What was written. haraka-config reads `1.30` as a number; the text behind it is what counts. */
function textsOf(value: unknown, located: readonly string[] | undefined): string[] {
  if (value === undefined) return [];
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.map((one, index) =>
    typeof one === 'number' ? (located?.[index] ?? String(one)) : String(one),
  );
}

function isSecure(located: LocatedSection): boolean {
  return located.keys.get('security_level')?.texts[0]?.toLowerCase() === 'secure';
}

/** Postfix's `secure` is `verify` with `smtp_tls_secure_cert_match = nexthop, dot-nexthop`. */
function addPostfixMatch(keys: Keys, read: Record<string, unknown>, lines: Record<string, number>): void {
  const result = keys['match']?.type.read('nexthop, dot-nexthop');
  if (result?.kind !== 'value' || Object.hasOwn(read, 'match')) return;
  read['match'] = result.value;
  const { security_level: line } = lines;
  if (line !== undefined) lines['match'] = line;
}
