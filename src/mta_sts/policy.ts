/**
 * The MTA-STS policy file (RFC 8461 section 3.2): lines of `key: value`, read strictly by the section's grammar.
 *
 * Two leniencies, because a policy that is refused protects nobody. Empty lines at the end, which editors leave behind,
 * are passed over. And an `mx` that no host can match, such as an address, takes nothing from the others beside it: it
 * allows no host, so that passing over it cannot weaken the policy.
 */
import { isIP } from 'node:net';
import { insideBrackets } from '../address_literal';
import { canonicalDomain } from '../names';
import { messageOf, printable } from '../text';
import { trimBlanks, trimLineEnds } from './blanks';
import type { StsPolicy } from './types';

/** The upper bound of `max_age`, about a year (RFC 8461 section 3.2). Seconds. */
export const longestMaxAge = 31_557_600;

/** A line that breaks a rule. */
export interface LineFault {
  readonly kind: 'line';
  /** Counted from 1. */
  readonly line: number;
  /** What stands there, printable and cut to a readable length. */
  readonly content: string;
  /** What would be allowed. */
  readonly rule: string;
}

export type PolicyFault =
  | LineFault
  /** Of the policy as a whole. */
  | { readonly kind: 'policy'; readonly rule: string };

export type ParsedPolicy =
  | {
      readonly ok: true;
      readonly policy: StsPolicy;
      /** The `mx` lines that match no host. They are no ground to refuse the policy, and its publisher did not mean them. */
      readonly idle: readonly LineFault[];
    }
  | { readonly ok: false; readonly fault: PolicyFault };

interface Field {
  readonly line: number;
  readonly key: string;
  readonly value: string;
}

/** Where a rule of the grammar is broken: thrown and caught within this file. */
class Broken extends Error {
  constructor(readonly fault: PolicyFault) {
    super(fault.rule);
  }
}

/** Reads a policy from the bytes of a response or from text. Never throws. */
export function parsePolicy(input: Uint8Array | string): ParsedPolicy {
  try {
    return { ok: true, ...policyOf(fieldsOf(textOf(input))) };
  } catch (error) {
    return { ok: false, fault: error instanceof Broken ? error.fault : ofPolicy(messageOf(error)) };
  }
}

/** The fault as one line for people. */
export function describeFault(fault: PolicyFault): string {
  return fault.kind === 'policy'
    ? `MTA-STS policy: ${fault.rule}`
    : `MTA-STS policy line ${fault.line} "${fault.content}": ${fault.rule}`;
}

/** The policy as a file that `parsePolicy` reads back to the same policy. */
export function serializePolicy(policy: StsPolicy): string {
  return [
    'version: STSv1',
    `mode: ${policy.mode}`,
    ...policy.mx.map((pattern) => `mx: ${pattern}`),
    `max_age: ${policy.maxAge}`,
    ...policy.extensions.map(([key, value]) => `${key}: ${value}`),
    '',
  ].join('\r\n');
}

function textOf(input: Uint8Array | string): string {
  if (typeof input === 'string') {
    // Half of a surrogate pair is no character, and could not be written back as UTF-8.
    if (/\p{Cs}/u.test(input)) throw new Broken(ofPolicy('not well-formed Unicode'));
    return input;
  }
  try {
    // A byte order mark is kept, so that it is seen where the grammar has no place for it.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input);
  } catch {
    throw new Broken(ofPolicy('not UTF-8'));
  }
}

function fieldsOf(text: string): Field[] {
  const lines = trimLineEnds(text).split(/\r?\n/);
  return lines.map((line, index) => fieldOf(line, index + 1));
}

const fieldName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;

/**
 * `sts-policy-ext-name`, a colon, optional blanks, and a value without control characters or blanks at its ends. What
 * stands behind `mx:` is judged with the others of its kind.
 */
function fieldOf(text: string, line: number): Field {
  const colon = text.indexOf(':');
  const key = text.slice(0, colon);
  const value = trimBlanks(text.slice(colon + 1));
  if (key === 'mx' && colon !== -1) return { line, key, value };
  if (colon === -1 || !fieldName.test(key) || value === '') throw broken(line, text, 'expected "key: value"');
  // eslint-disable-next-line no-control-regex -- these are what the grammar excludes
  if (/[\x00-\x1f\x7f]/.test(value)) throw broken(line, text, 'control characters are not allowed');
  return { line, key, value };
}

function policyOf(fields: readonly Field[]): { policy: StsPolicy; idle: LineFault[] } {
  const first = firstOfEach(fields);
  readVersion(required(first, 'version'));
  const mode = readMode(required(first, 'mode'));
  const maxAge = readMaxAge(required(first, 'max_age'));
  const mx = fields.filter(({ key }) => key === 'mx').map(readMx);
  if (mode !== 'none') requireOne(mx);
  const extensions = [...first.values()]
    .filter(({ key }) => !known.has(key))
    .map(({ key, value }) => [key, value] as const);
  return {
    policy: { mode, mx: [...new Set(mx.map(({ value }) => value))], maxAge, extensions },
    idle: mx.flatMap((one) => (one.kind === 'pattern' ? [] : [one.fault])),
  };
}

/**
 * A policy in force has `1*(sts-policy-mx sts-policy-term)`. One whose every line is idle is valid all the same: it
 * allows no host at all.
 */
function requireOne(mx: readonly MxValue[]): void {
  if (mx.some(({ kind }) => kind !== 'malformed')) return;
  const [first] = mx;
  throw new Broken(first?.kind === 'malformed' ? first.fault : ofPolicy('mx is missing'));
}

const known = new Set(['version', 'mode', 'max_age', 'mx']);

/** "If any non-repeated field is duplicated, all entries except for the first" are ignored (RFC 8461 section 3.2). */
function firstOfEach(fields: readonly Field[]): Map<string, Field> {
  const first = new Map<string, Field>();
  for (const field of fields) if (!first.has(field.key)) first.set(field.key, field);
  return first;
}

function required(fields: ReadonlyMap<string, Field>, key: string): Field {
  const field = fields.get(key);
  if (field === undefined) throw new Broken(ofPolicy(`${key} is missing`));
  return field;
}

function readVersion(field: Field): void {
  if (field.value !== 'STSv1') throw refused(field, 'the version must be STSv1');
}

function readMode(field: Field): StsPolicy['mode'] {
  const { value } = field;
  if (value === 'enforce' || value === 'testing' || value === 'none') return value;
  throw refused(field, 'the mode must be enforce, testing or none');
}

function readMaxAge(field: Field): number {
  if (!/^[0-9]{1,10}$/.test(field.value)) throw refused(field, 'max_age must be 1 to 10 digits');
  return Math.min(Number(field.value), longestMaxAge);
}

type MxValue =
  /** A host name, or `*.` and a domain, in canonical form. */
  | { readonly kind: 'pattern'; readonly value: string }
  /** Within the grammar, and no name that mail can use: it matches no host. */
  | { readonly kind: 'idle'; readonly value: string; readonly fault: LineFault }
  /** Outside the grammar: it matches no host either. */
  | { readonly kind: 'malformed'; readonly value: string; readonly fault: LineFault };

/** `["*."] Domain`; in A-labels, because the grammar has no others. */
function readMx(field: Field): MxValue {
  const { value } = field;
  const wildcard = value.startsWith('*.');
  const name = wildcard ? value.slice(2) : value;
  const canonical = isAscii(name) ? canonicalDomain(name) : undefined;
  if (canonical !== undefined) return { kind: 'pattern', value: wildcard ? `*.${canonical}` : canonical };
  const fault = faultOf(field, `${whyNoName(name)}; it matches no host`);
  return { kind: isDomain(name) ? 'idle' : 'malformed', value: onOneLine(value), fault };
}

/** As it is shown to people and written to the store: never longer than it came, which bounds an entry of the store. */
function onOneLine(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

function isAscii(name: string): boolean {
  return /^[\x21-\x7e]*$/.test(name);
}

/** `Domain` of RFC 5321 section 4.1.2: labels of letters, digits and hyphens, without a hyphen at either end. */
function isDomain(name: string): boolean {
  return name.split('.').every((label) => /^[A-Za-z0-9-]+$/.test(label) && !/^-|-$/.test(label));
}

function whyNoName(name: string): string {
  if (isAddress(name)) return 'mx must be a host name, not an address';
  if (name.includes('*')) return 'a wildcard in mx must be the whole left-most label';
  if (/[\t ]/.test(name)) return 'mx must be one host name and nothing else';
  if (!isAscii(name)) return 'mx must be written in ASCII, as A-labels';
  return 'mx must be a host name, or "*." and a domain';
}

function isAddress(name: string): boolean {
  const bare = insideBrackets(name) ?? name;
  return isIP(bare) !== 0 || (/^[\d.]+$/.test(bare) && /\d/.test(bare));
}

function refused(field: Field, rule: string): Broken {
  return new Broken(faultOf(field, rule));
}

function broken(line: number, content: string, rule: string): Broken {
  return new Broken({ kind: 'line', line, content: printable(content, 80), rule });
}

function faultOf({ line, key, value }: Field, rule: string): LineFault {
  return { kind: 'line', line, content: printable(`${key}: ${value}`, 80), rule };
}

function ofPolicy(rule: string): PolicyFault {
  return { kind: 'policy', rule };
}
