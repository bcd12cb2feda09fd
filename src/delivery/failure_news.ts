/** What keeps mail from peers, as it is met: told to who listens, such as the page. */
import type { DeliverySummary } from './summary';

export interface FailureNews {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Empty for mail of no managed domain. */
  readonly managed: string;
  readonly peer: string;
  readonly outcome: 'deferred' | 'bounced';
  readonly rule: string;
  readonly host: string;
  readonly reason: string;
  readonly text: string;
}

type Listener = (news: FailureNews) => void;

const listeners = new Set<Listener>();

export function onFailure(listener: Listener): void {
  listeners.add(listener);
}

/** Failures of one attempt that are told. */
const most = 5;

export function tellFailure(
  about: Pick<FailureNews, 'at' | 'managed' | 'peer' | 'outcome'>,
  { rule, reply, host, reasons }: DeliverySummary,
): void {
  if (listeners.size === 0) return;
  const met = reasons.slice(0, most).map((one) => ({ ...about, rule, ...one }));
  const all = reply === '' ? met : [...met, { ...about, rule, host, reason: 'reply', text: reply }];
  for (const news of all) for (const listener of listeners) listener(news);
}
