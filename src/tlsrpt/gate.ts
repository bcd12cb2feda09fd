/**
 * Whether a policy that is being tested may be enforced, from what others report of it. Pure.
 *
 * Anyone can sign with a domain of their own: only the word of reporters whom the operator trusts opens the gate, or shuts it.
 */
import type { StsPolicy } from '../mta_sts/types';
import { isTrusted } from './attribution';
import type { ReceivedPolicy, ReceivedReport } from './received';

/** One report, as it is kept. */
export interface GateReport {
  readonly managed: string;
  readonly signer: string;
  readonly report: ReceivedReport;
}

/** What stands in the way, by whom and where. */
export interface GateFailure {
  readonly reporter: string;
  /** Empty where the report names none. */
  readonly mxHost: string;
  readonly type: string;
  readonly count: number;
  /** The end of the last window in which it was seen, milliseconds since 1970. */
  readonly last: number;
}

export type Gate =
  /** The policy is not `testing`: there is nothing to decide. */
  | { readonly kind: 'not_testing'; readonly mode: StsPolicy['mode'] }
  | ({ readonly kind: 'waiting'; readonly missing: readonly string[] } & Seen)
  | ({ readonly kind: 'failing'; readonly failures: readonly GateFailure[] } & Seen)
  | ({ readonly kind: 'safe' } & Seen);

/** Of the policy as it is now. */
export interface Seen {
  /** Whole days without a failure. */
  readonly days: number;
  readonly reporters: readonly string[];
  readonly sessions: number;
}

export interface GateOptions {
  readonly domain: string;
  readonly policy: Pick<StsPolicy, 'mode' | 'mx'>;
  readonly trusted: readonly string[];
  /** Days and reporters that it takes. */
  readonly afterDays: number;
  readonly afterReporters: number;
  readonly now: number;
}

const day = 86_400_000;

/** Reports come on the day after, or a little later. */
const freshFor = 3 * day;

export function gateOf(reports: readonly GateReport[], options: GateOptions): Gate {
  const { domain, policy, trusted, afterDays, afterReporters, now } = options;
  if (policy.mode !== 'testing') return { kind: 'not_testing', mode: policy.mode };
  const heard = reports.filter(
    ({ managed, signer, report }) =>
      managed === domain && isTrusted(signer, trusted) && report.begin <= now && report.end <= now + day,
  );
  const judged = heard.flatMap(({ signer, report }) =>
    report.policies
      .filter((one) => one.type === 'sts' && isAbout(one, policy.mx))
      .map((one) => ({ signer, end: report.end, begin: report.begin, policy: one })),
  );
  const failed = judged.filter(({ policy: one }) => one.failed > 0);
  const lastFailure = Math.max(0, ...failed.map(({ end }) => end));
  const good = judged.filter(({ begin, policy: one }) => one.failed === 0 && begin >= lastFailure);
  const first = Math.min(...good.map(({ begin }) => begin));
  const last = Math.max(...good.map(({ end }) => end));
  const seen: Seen = {
    days: good.length === 0 ? 0 : Math.round((last - first) / day),
    reporters: [...new Set(good.map(({ signer }) => signer))].sort(),
    sessions: good.reduce((sum, { policy: one }) => sum + one.successful, 0),
  };
  const recent = failed.filter(({ end }) => now - end < afterDays * day);
  if (recent.length > 0) return { kind: 'failing', failures: failuresOf(recent), ...seen };
  const missing = [
    ...(seen.days >= afterDays
      ? []
      : [`${daysText(seen.days)} without a failure of ${afterDays} are reported`]),
    ...(seen.reporters.length >= afterReporters
      ? []
      : [`${seen.reporters.length} of ${afterReporters} trusted reporters have seen it`]),
    ...(good.length > 0 && now - last > freshFor ? ['no trusted report has come for three days'] : []),
  ];
  return missing.length === 0 ? { kind: 'safe', ...seen } : { kind: 'waiting', missing, ...seen };
}

/**
 * Whether it is the policy as it is now. A failed fetch names none, and stands in the way all the same. The mode that was seen may
 * be an older one: what the policy allows counts.
 */
function isAbout({ text, mx, failed }: ReceivedPolicy, current: readonly string[]): boolean {
  const fromText = text.flatMap((line) => /^\s*mx\s*:\s*(\S+)/i.exec(line)?.[1]?.toLowerCase() ?? []);
  const named = fromText.length > 0 ? fromText : mx;
  if (named.length === 0) return failed > 0;
  return sorted(named) === sorted(current);
}

function sorted(patterns: readonly string[]): string {
  return [...new Set(patterns)].sort().join(' ');
}

function failuresOf(
  failed: readonly { readonly signer: string; readonly end: number; readonly policy: ReceivedPolicy }[],
): GateFailure[] {
  const found = new Map<string, GateFailure>();
  for (const { signer, end, policy } of failed) {
    const unnamed = { mxHost: '', type: 'unspecified', count: policy.failed };
    for (const { mxHost, type, count } of policy.failures.length === 0 ? [unnamed] : policy.failures) {
      const key = [signer, mxHost, type].join('\n');
      const before = found.get(key);
      found.set(key, {
        reporter: signer,
        mxHost,
        type,
        count: count + (before?.count ?? 0),
        last: Math.max(end, before?.last ?? 0),
      });
    }
  }
  return [...found.values()].sort((a, b) => b.last - a.last || b.count - a.count);
}

/** One line for people. */
export function gateText(gate: Gate): string {
  switch (gate.kind) {
    case 'not_testing':
      return `mode = ${gate.mode}`;
    case 'safe':
      return (
        `testing for ${daysText(gate.days)}, ${reportersText(gate.reporters.length)}, ${gate.sessions} sessions, ` +
        '0 failures: enforce is safe'
      );
    case 'waiting':
      return `testing, 0 failures so far: enforce is to wait (${gate.missing.join('; ')})`;
    case 'failing': {
      const [first, ...others] = gate.failures;
      if (first === undefined) return 'testing, with failures: enforce is not safe';
      const at = first.mxHost === '' ? '' : ` at ${first.mxHost}`;
      const more = others.length === 0 ? '' : `, and ${others.length} more`;
      return (
        `testing, with failures: enforce is not safe: ${first.type}${at}, ${first.count} times, reported by ` +
        `${first.reporter}, last for ${new Date(first.last).toISOString().slice(0, 10)}${more}`
      );
    }
  }
}

function daysText(days: number): string {
  return `${days} ${days === 1 ? 'day' : 'days'}`;
}

function reportersText(count: number): string {
  return `${count} trusted ${count === 1 ? 'reporter' : 'reporters'}`;
}
