/** One section of an INI file, held against the schema. Pure. */
import { closest, fault, type Fault } from './fault';
import type { LocatedKey, LocatedSection } from '../ini/locate';
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
  for (const name of Object.keys(values)) {
    const at = located.keys.get(name);
    const line = at?.line ?? located.line;
    const written = textsOf(values[name], at?.texts);
    // A key without any value was reported by its line.
    if (written.length === 0) continue;
    const result = readKey(keys, name, written);
    if (result.kind === 'value') {
      read[name] = result.value;
      lines[name] = line;
    } else {
      faults.push(...faultsOf(keys, file, located.name, name, written, at ?? { line, lines: [] }, result));
    }
  }
  faults.push(...supersededFaults(keys, file, located));
  if (written(read, 'security_level') && isSecure(located)) addPostfixMatch(keys, read, lines);
  return { values: read as Written<K>, lines, faults };
}

type KeyReading =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'wrong'; readonly problems: readonly Wrong[]; readonly allowed: string };

type WrongKey = Extract<KeyReading, { kind: 'wrong' }>;

/** One for each thing that is wrong, at the line of the `key[]` where it stands. */
function faultsOf(
  keys: Keys,
  file: string,
  section: string,
  key: string,
  texts: readonly string[],
  at: Pick<LocatedKey, 'line' | 'lines'>,
  whole: WrongKey,
): Fault[] {
  const faultsAt = (line: number, value: string, { problems, allowed }: WrongKey) =>
    problems.map((one) => fault({ file, line, section, key, value, allowed, ...one }));
  const isList = Object.hasOwn(keys, key) && keys[key]?.type.arity === 'list';
  const own = (isList && at.lines.length === texts.length ? texts : []).flatMap((text, index) => {
    const result = text.trim() === '' ? undefined : readKey(keys, key, [text]);
    return result?.kind === 'wrong' ? faultsAt(at.lines[index] ?? at.line, text, result) : [];
  });
  return own.length > 0 ? own : faultsAt(at.line, texts.join(', '), whole);
}

/** What does not count, because it stands again further on, is to be put right all the same. */
function supersededFaults(keys: Keys, file: string, { name, superseded }: LocatedSection): Fault[] {
  return superseded.flatMap(({ key, line, texts }) => {
    const result = readKey(keys, key, texts);
    return result.kind === 'wrong' ? faultsOf(keys, file, name, key, texts, { line, lines: [] }, result) : [];
  });
}

function readKey(keys: Keys, name: string, texts: readonly string[]): KeyReading {
  const of = Object.hasOwn(keys, name) ? keys[name] : undefined;
  const wrong = (problem: string, allowed: string, suggestion = ''): KeyReading => ({
    kind: 'wrong',
    problems: [{ problem, suggestion }],
    allowed,
  });
  if (of === undefined) {
    const known = Object.keys(keys);
    const problem = known.length === 0 ? 'no key may stand above the first section' : 'no such key here';
    return wrong(problem, known.join(', '), closest(name, known));
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

function written(read: Readonly<Record<string, unknown>>, key: string): boolean {
  return Object.hasOwn(read, key);
}

function isSecure(located: LocatedSection): boolean {
  return located.keys.get('security_level')?.texts[0]?.toLowerCase() === 'secure';
}

/** Postfix's `secure` is `verify` with `smtp_tls_secure_cert_match = nexthop, dot-nexthop`. */
function addPostfixMatch(keys: Keys, read: Record<string, unknown>, lines: Record<string, number>): void {
  const result = keys['match']?.type.read('nexthop, dot-nexthop');
  if (result?.kind !== 'value' || written(read, 'match')) return;
  read['match'] = result.value;
  lines['match'] = lines['security_level'] ?? 0;
}
