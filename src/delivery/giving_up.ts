/** When a message is not delivered in this attempt: it waits or bounces, and each recipient learns why. */
import type { Failure } from '../failure';
import { messageOf, printable } from '../text';
import { isFinal, isFinalToSender, principal, statusOf, type Attempt, type HostFailure } from './attempt';
import type { Delivery } from './delivery';
import { newerPolicy } from './newer_policy';
import { noteFailure } from './recipients';
import { requireTlsStatus } from './require_tls';
import { countRefused } from './session_count';
import { reportOf, summarize } from './summary';

/** Keeps the whole message for a reason that is no host's. */
export function deferFor(delivery: Delivery, attempt: Attempt, failure: Failure): void {
  // Where no rule was found, the fault is in our own files, and no peer has a part in it.
  const host = attempt.rule === 'unknown' ? '' : delivery.hmail.todo.domain;
  const cause: HostFailure = { kind: 'policy', host, failure, because: 'nothing' };
  attempt.failures.push(cause);
  const text = reportOf(attempt.ruleName(), [cause]);
  annotate(delivery, attempt, cause, false, text);
  delivery.hmail.temp_fail(text);
}

/** No host is left. @returns `again` where the domain has a newer policy, from which to decide anew */
export async function giveUp(delivery: Delivery, attempt: Attempt): Promise<'given_up' | 'again'> {
  const { hmail } = delivery;
  const permanent = isPermanent(attempt);
  if ((permanent || isLastTry(delivery)) && (await hasNewerPolicy(delivery, attempt))) return 'again';
  countRefused(delivery, attempt);
  if (attempt.failures.length === 0) {
    attempt.failures.push({ kind: 'network', host: hmail.todo.domain, text: withoutAddress(attempt) });
  }
  const text = reportOf(attempt.ruleName(), attempt.failures);
  annotate(delivery, attempt, principal(attempt.failures), permanent, text);
  if (permanent) hmail.bounce(text);
  else hmail.temp_fail(text);
  return 'given_up';
}

function isPermanent({ rule, treatment, failures }: Attempt): boolean {
  if (rule !== 'unknown' && rule.actionOnFailure === 'bounce') return isFinal(failures);
  return treatment.failure === 'bounce' && isFinalToSender(failures);
}

/** A plugin's hosts are looked up by Haraka, which may ask another resolver than the rules do. */
function withoutAddress({ phase }: Attempt): string {
  if (phase.kind !== 'decided' || phase.source.kind === 'mx') return 'none of its hosts has an address';
  const { by, entries } = phase.source;
  const names = [...new Set(entries.map(({ exchange }) => exchange ?? ''))].slice(0, 5).join(', ');
  const plugin = by === undefined ? 'a plugin' : `the plugin ${by}`;
  return `Haraka's own look-up finds no address of the hosts that ${plugin} answered to get_mx (${printable(names)})`;
}

/** Haraka's next deferral would be its last: it bounces instead. */
function isLastTry({ hmail, environment }: Delivery): boolean {
  return hmail.num_failures >= environment.outboundConfig.cfg.temp_fail_intervals.length;
}

/** Whether the domain has a newer policy than the one that stood in the way; then nothing counts as failed. */
async function hasNewerPolicy({ hmail, environment }: Delivery, attempt: Attempt): Promise<boolean> {
  if (attempt.policyRefreshed) return false;
  attempt.policyRefreshed = true;
  const { domain } = hmail.todo;
  const newer = await newerPolicy(attempt, domain, environment.options(), (text) =>
    hmail.logerror(`tls-peers: ${text}`),
  );
  if (newer === 'none') return false;
  hmail.loginfo(`tls-peers: ${domain} has a newer MTA-STS policy (${newer.id}); trying again`);
  attempt.failures.length = 0;
  return true;
}

/** What the DSN will say of each recipient. A fault in it must not keep the message from being deferred. */
function annotate(
  delivery: Delivery,
  attempt: Attempt,
  failure: HostFailure | undefined,
  permanent: boolean,
  text: string,
): void {
  const { hmail } = delivery;
  try {
    const status =
      permanent && attempt.treatment.failure === 'bounce'
        ? requireTlsStatus(attempt.failures)
        : statusOf(failure, permanent || isLastTry(delivery));
    noteFailure(hmail, status, failure, text);
    hmail.notes.tls_peers = summarize(attempt, hmail.todo);
  } catch (error) {
    hmail.logerror(`tls-peers: the reason could not be noted: ${printable(messageOf(error))}`);
  }
}
