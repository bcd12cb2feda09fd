/** What is new in a report beside the one before it of the same reporter: each failure is told once, and once when it is over. Pure. */
import type { ReceivedReport } from './received';

export interface News {
  readonly kind: 'began_to_fail' | 'recovered';
  /** Empty where the report names none. */
  readonly mxHost: string;
  readonly type: string;
  readonly count: number;
}

export function newsIn(report: ReceivedReport, before: ReceivedReport | undefined): News[] {
  const now = failuresIn(report);
  const known = before === undefined ? new Map<string, Counted>() : failuresIn(before);
  const began = [...now].filter(([key]) => !known.has(key)).map(([, one]) => one);
  // Silence is no recovery: sessions must have been seen.
  const wasSeen = report.policies.some(({ successful }) => successful > 0);
  const over = wasSeen ? [...known].filter(([key]) => !now.has(key)).map(([, one]) => one) : [];
  return [
    ...began.map((one) => ({ ...one, kind: 'began_to_fail' as const })),
    ...over.map((one) => ({ ...one, kind: 'recovered' as const })),
  ];
}

type Counted = Omit<News, 'kind'>;

function failuresIn({ policies }: ReceivedReport): Map<string, Counted> {
  const found = new Map<string, Counted>();
  for (const { failed, failures } of policies) {
    const unnamed =
      failed > 0 && failures.length === 0 ? [{ mxHost: '', type: 'unspecified', count: failed }] : [];
    for (const { mxHost, type, count } of [...failures, ...unnamed]) {
      const key = `${mxHost} ${type}`;
      found.set(key, { mxHost, type, count: count + (found.get(key)?.count ?? 0) });
    }
  }
  return found;
}
