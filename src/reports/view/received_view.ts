/** What others report of the managed domains, and what follows for their policies: for the command, the checks and the page. */
import { dayBefore, utcDay } from '../../peers/day';
import type { Settings } from '../../settings/schema/types';
import { isTrusted } from '../../tlsrpt/attribution';
import { gateOf, gateText, type Gate } from '../../tlsrpt/gate';
import { resultText } from '../../tlsrpt/words';
import type { JournalPlace } from '../store/journal';
import { readReceived, type StoredReport } from '../store/received_files';

export interface ReceivedRow {
  readonly managed: string;
  /** Who signed the reports, and whether their word counts for the gate. */
  readonly reporter: string;
  readonly standing: 'trusted' | 'unverified';
  readonly policy: 'sts' | 'tlsa' | 'no-policy-found' | 'other';
  /** Empty for sessions without a failure, and where the report names no host. */
  readonly mxHost: string;
  /** `success`, or a result type. */
  readonly result: string;
  readonly meaning: string;
  readonly sessions: number;
  /** The end of the last window in which it was seen. */
  readonly lastSeen: string;
}

export interface DomainGate {
  readonly domain: string;
  readonly kind: Gate['kind'];
  /** One line for people. */
  readonly text: string;
  readonly gate: Gate;
}

export interface ReceivedView {
  /** The newest first. */
  readonly rows: readonly ReceivedRow[];
  /** One for each hosted policy. */
  readonly gates: readonly DomainGate[];
  readonly reports: number;
  readonly problems: readonly string[];
}

export interface ViewOptions {
  readonly settings: Settings;
  readonly place: JournalPlace;
  readonly now: Date;
  /** How far back rows go; as far as is kept where absent. */
  readonly days?: number;
}

/** Never rejects: what cannot be read is among `problems`. */
export async function receivedView({ settings, place, now, days }: ViewOptions): Promise<ReceivedView> {
  const { receivedDays, trustedReporters } = settings.global.tlsReports;
  const today = utcDay(now);
  const { reports, problems } = await readReceived(place, dayBefore(today, receivedDays));
  const since = days === undefined ? 0 : Date.parse(dayBefore(today, days));
  return {
    rows: rowsOf(
      reports.filter(({ report }) => report.end >= since),
      trustedReporters,
    ),
    gates: gatesOf(settings, reports, now),
    reports: reports.length,
    problems,
  };
}

export interface TestedPolicy {
  readonly domain: string;
  readonly kind: Exclude<DomainGate['kind'], 'not_testing'>;
  readonly text: string;
}

/** What reports tell of the policies that are tested. */
export async function testedPolicies({
  settings,
  place,
  now,
}: Pick<ViewOptions, 'settings' | 'place' | 'now'>): Promise<TestedPolicy[]> {
  const { receivedDays } = settings.global.tlsReports;
  const { reports } = await readReceived(place, dayBefore(utcDay(now), receivedDays));
  return gatesOf(settings, reports, now).flatMap(({ domain, kind, text }) =>
    kind === 'not_testing' ? [] : [{ domain, kind, text }],
  );
}

/** The same, one line each. */
export async function reportedPolicies(options: Parameters<typeof testedPolicies>[0]): Promise<string[]> {
  const tested = await testedPolicies(options);
  return tested.map(({ domain, text }) => `reports on the MTA-STS policy of ${domain}: ${text}`);
}

function gatesOf(settings: Settings, reports: readonly StoredReport[], now: Date): DomainGate[] {
  const { trustedReporters, enforceAfterDays, enforceAfterReporters } = settings.global.tlsReports;
  return [...settings.domains.values()].flatMap((domain) => {
    if (domain.kind !== 'managed' || domain.status === 'disabled' || domain.policy.kind === 'none') return [];
    const gate = gateOf(reports, {
      domain: domain.domain,
      policy: domain.policy,
      trusted: trustedReporters,
      afterDays: enforceAfterDays,
      afterReporters: enforceAfterReporters,
      now: now.getTime(),
    });
    return [{ domain: domain.domain, kind: gate.kind, text: gateText(gate), gate }];
  });
}

function rowsOf(reports: readonly StoredReport[], trusted: readonly string[]): ReceivedRow[] {
  const rows = new Map<string, { -readonly [K in keyof ReceivedRow]: ReceivedRow[K] }>();
  const add = (of: Omit<ReceivedRow, 'sessions' | 'lastSeen'>, sessions: number, end: number): void => {
    if (sessions === 0) return;
    const key = [of.managed, of.reporter, of.policy, of.mxHost, of.result].join('\n');
    const lastSeen = new Date(end).toISOString();
    const known = rows.get(key);
    if (known === undefined) rows.set(key, { ...of, sessions, lastSeen });
    else {
      known.sessions += sessions;
      if (lastSeen > known.lastSeen) known.lastSeen = lastSeen;
    }
  };
  for (const { managed, signer, report } of reports) {
    const standing = isTrusted(signer, trusted) ? 'trusted' : 'unverified';
    for (const { type: policy, successful, failed, failures } of report.policies) {
      const of = { managed, reporter: signer, standing, policy } as const;
      add(
        { ...of, mxHost: '', result: 'success', meaning: 'as the policy wants it' },
        successful,
        report.end,
      );
      let told = 0;
      for (const { type, code, mxHost, count } of failures) {
        told += count;
        add({ ...of, mxHost, result: type, meaning: resultText(type, code) }, count, report.end);
      }
      const rest = Math.max(0, failed - told);
      add({ ...of, mxHost: '', result: 'failure', meaning: 'it is not said how' }, rest, report.end);
    }
  }
  return [...rows.values()].sort((a, b) => b.lastSeen.localeCompare(a.lastSeen) || b.sessions - a.sessions);
}
