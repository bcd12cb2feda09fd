/** One section of an INI file, held against the schema. Pure. */
import { closest, fault, type Fault } from './fault';
import type { LocatedSection } from './ini';
import type { Keys, Written } from './schema';
import type { Reading } from './values';

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
      const { problem, allowed, suggestion } = result;
      const value = written.join(', ');
      faults.push(
        fault({ file, line, section: located.name, key: name, value, problem, allowed, suggestion }),
      );
    }
  }
  if (written(read, 'security_level') && isSecure(located)) addPostfixMatch(keys, read, lines);
  return { values: read as Written<K>, lines, faults };
}

type KeyReading =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'wrong';
      readonly problem: string;
      readonly allowed: string;
      readonly suggestion: string;
    };

function readKey(keys: Keys, name: string, texts: readonly string[]): KeyReading {
  const of = Object.hasOwn(keys, name) ? keys[name] : undefined;
  const wrong = (problem: string, allowed: string, suggestion = ''): KeyReading => ({
    kind: 'wrong',
    problem,
    allowed,
    suggestion,
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
  return wrong(`${reading.problem}${comment}`, of.type.allowed, reading.suggestion);
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
