/**
 * A report that somebody else has written: strict on what it must not do to us, lenient on its form. Pure.
 *
 * What is known of the big senders: times without a zone, `contact-info` null, TLSA records as one text, a single policy where
 * an array belongs, counts as text, keys that nobody knows.
 */
import { canonicalDomain } from '../names';
import { printable } from '../text';

export interface ReceivedReport {
  readonly organization: string;
  /** Empty where there is none. */
  readonly contact: string;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly begin: number;
  readonly end: number;
  readonly policies: readonly ReceivedPolicy[];
}

export interface ReceivedPolicy {
  readonly type: 'sts' | 'tlsa' | 'no-policy-found' | 'other';
  /** Canonical; empty where the report names none. */
  readonly domain: string;
  readonly text: readonly string[];
  readonly mx: readonly string[];
  readonly successful: number;
  readonly failed: number;
  readonly failures: readonly ReceivedFailure[];
}

export interface ReceivedFailure {
  readonly type: string;
  readonly code: string;
  readonly mxHost: string;
  readonly receivingIp: string;
  readonly sendingIp: string;
  readonly count: number;
}

export type ReadReport =
  | { readonly kind: 'report'; readonly report: ReceivedReport }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Bounds on what is taken from one report. */
export const receivedBounds = {
  bytes: 10 << 20,
  depth: 32,
  policies: 100,
  failures: 200,
  lines: 100,
} as const;

/** @param text at most `receivedBounds.bytes` long. Never throws. */
export function readReport(text: string): ReadReport {
  const plain = text.replace(/^\ufeff/, '').trim();
  if (plain.length > receivedBounds.bytes) return unreadable('it is too large');
  if (isTooDeep(plain)) return unreadable('it is nested too deeply');
  let parsed: unknown;
  try {
    parsed = JSON.parse(plain);
  } catch {
    return unreadable('it is no JSON');
  }
  const top = recordOf(parsed);
  if (top === undefined) return unreadable('it is no object');
  const range = recordOf(field(top, 'date-range')) ?? {};
  const begin = timeOf(field(range, 'start-datetime'));
  const end = timeOf(field(range, 'end-datetime'));
  if (begin === undefined || end === undefined) return unreadable('it has no date-range');
  if (end < begin || end - begin > longestRange) return unreadable('its date-range is none of a report');
  const policies = listOf(field(top, 'policies')).slice(0, receivedBounds.policies).flatMap(policyOf);
  if (policies.length === 0) return unreadable('it has no policies');
  return {
    kind: 'report',
    report: {
      organization: lineOf(field(top, 'organization-name')),
      contact: lineOf(field(top, 'contact-info')),
      id: lineOf(field(top, 'report-id')).replace(/^<|>$/g, ''),
      begin,
      end,
      policies,
    },
  };
}

/** Reports are daily (RFC 8460 section 4.1); some are of several days. Milliseconds. */
const longestRange = 40 * 86_400_000;

function policyOf(value: unknown): ReceivedPolicy[] {
  const entry = recordOf(value);
  if (entry === undefined) return [];
  const policy = recordOf(field(entry, 'policy')) ?? entry;
  const summary = recordOf(field(entry, 'summary')) ?? entry;
  const type = lineOf(field(policy, 'policy-type')).toLowerCase();
  const successful = countOf(field(summary, 'total-successful-session-count'));
  const failed = countOf(field(summary, 'total-failure-session-count'));
  const failures = listOf(field(entry, 'failure-details'))
    .slice(0, receivedBounds.failures)
    .flatMap(failureOf);
  if (successful === undefined || failed === undefined) return [];
  return [
    {
      type: type === 'sts' || type === 'tlsa' || type === 'no-policy-found' ? type : 'other',
      domain: canonicalDomain(lineOf(field(policy, 'policy-domain'))) ?? '',
      text: linesOf(field(policy, 'policy-string')),
      mx: linesOf(field(policy, 'mx-host')).map((pattern) => pattern.toLowerCase()),
      successful,
      failed,
      failures,
    },
  ];
}

function failureOf(value: unknown): ReceivedFailure[] {
  const detail = recordOf(value);
  if (detail === undefined) return [];
  const count = countOf(field(detail, 'failed-session-count'));
  return [
    {
      type: lineOf(field(detail, 'result-type'), 64).toLowerCase(),
      code: lineOf(field(detail, 'failure-reason-code'), 200),
      mxHost: lineOf(field(detail, 'receiving-mx-hostname')).toLowerCase().replace(/\.$/, ''),
      receivingIp: lineOf(field(detail, 'receiving-ip'), 64),
      sendingIp: lineOf(field(detail, 'sending-mta-ip'), 64),
      count: count ?? 0,
    },
  ];
}

/** Some write underscores, or capital letters. */
function field(of: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(of, name)) return of[name];
  const found = Object.keys(of)
    .slice(0, 100)
    .find((key) => key.toLowerCase().replaceAll('_', '-') === name);
  return found === undefined ? undefined : of[found];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** One where an array belongs is an array of one; what is none is empty. */
function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

function lineOf(value: unknown, limit = 255): string {
  const text = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  return printable(text.trim().slice(0, limit), limit);
}

/** Several lines may be one text, in one member or in an array of one. */
function linesOf(value: unknown): string[] {
  return listOf(value)
    .slice(0, receivedBounds.lines)
    .flatMap((one) => (typeof one === 'string' ? one.slice(0, 8192).split(/\r?\n|\\n/) : []))
    .map((line) => lineOf(line))
    .filter((line) => line !== '')
    .slice(0, receivedBounds.lines);
}

/** @returns `undefined` for what is no count; absent is none */
function countOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return 0;
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** A time without a zone is in UTC. */
function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return plausible(value > 1e11 ? value : value * 1000);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const [, day, time = '00:00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(text) ?? [];
  if (day === undefined) return undefined;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : zone.replace(/^(...):?(..)$/, '$1:$2');
  // Some let a day end at 24:00.
  const isEnd = time.startsWith('24:00');
  const at = Date.parse(`${day}T${isEnd ? '23:59:59' : time.length === 5 ? `${time}:00` : time}${offset}`);
  return plausible(isEnd ? at + 1000 : at);
}

function plausible(at: number): number | undefined {
  return Number.isFinite(at) && at > 0 && at < 1e14 ? Math.floor(at) : undefined;
}

/** Before anything is made of it: brackets outside of texts. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (inText) {
      if (character === 0x5c) at++;
      else if (character === 0x22) inText = false;
    } else if (character === 0x22) inText = true;
    else if (character === 0x7b || character === 0x5b) {
      if (++depth > receivedBounds.depth) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}

function unreadable(problem: string): ReadReport {
  return { kind: 'unreadable', problem };
}
