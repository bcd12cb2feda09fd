/**
 * The files of sessions: a header with the version of the format, then lines for each domain, which add up. Pure.
 *
 * ```text
 * tls-peers sessions 1<TAB>2026-11-29
 * 5e1d8a02<TAB>peer.example<TAB>policy<TAB>{"type":"sts","domain":"peer.example",…}
 * 61c0b3f1<TAB>peer.example<TAB>counts<TAB>+9f86d081884c=12 +9f86d081884c,certificate-expired,,mx.peer.example,…=1
 * ```
 */
import { checkedLine, fileHeader, uncheckedLine } from '../day_files/lines';
import type { ReportedPolicy } from './judged';
import type { SessionTable } from './session_table';

export const sessionsHeader = fileHeader('tls-peers sessions', 1);

/** So that no line grows beyond what is read. */
const kindsInLine = 8;

export function* sessionLines(table: SessionTable): Generator<string> {
  for (const [domain, { policies, counts }] of table.rows()) {
    for (const policy of policies.values()) yield checkedLine(`${domain}\tpolicy\t${asciiJson(policy)}`);
    const pairs = [...counts].map(([kind, count]) => `${kind}=${count}`);
    for (let at = 0; at < pairs.length; at += kindsInLine)
      yield checkedLine(`${domain}\tcounts\t${pairs.slice(at, at + kindsInLine).join(' ')}`);
  }
}

/** Adds what one line says. */
export function readSessionLine(table: SessionTable, line: string): 'read' | 'damaged' {
  const [domain, what, rest, ...more] = uncheckedLine(line)?.split('\t') ?? [];
  if (domain === undefined || domain === '' || rest === undefined || more.length > 0) return 'damaged';
  if (what === 'policy') {
    const policy = parsePolicy(rest);
    if (policy === undefined) return 'damaged';
    table.addPolicy(domain, policy);
    return 'read';
  }
  const pairs = rest.split(' ').map(parsePair);
  if (what !== 'counts' || pairs.includes(undefined)) return 'damaged';
  for (const pair of pairs) if (pair !== undefined) table.addKind(domain, pair.kind, pair.count);
  return 'read';
}

function parsePair(text: string): { kind: string; count: number } | undefined {
  const [, kind, digits] = /^([^=]+)=([1-9]\d{0,15})$/.exec(text) ?? [];
  return kind === undefined ? undefined : { kind, count: Number(digits) };
}

function asciiJson(policy: ReportedPolicy): string {
  return JSON.stringify(policy).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function parsePolicy(text: string): ReportedPolicy | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { type, domain, text: lines, mx } = parsed as Record<string, unknown>;
  if (typeof domain !== 'string') return undefined;
  if (type === 'no-policy-found') return { type, domain };
  if (!isLines(lines)) return undefined;
  if (type === 'tlsa') return { type, domain, text: lines };
  return type === 'sts' && isLines(mx) ? { type, domain, text: lines, mx } : undefined;
}

function isLines(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((line) => typeof line === 'string');
}
