/** What the sender of a message asks for (RFC 8689), on its way out: read of the queue file, held to, answered for. */
import type { OutboundRule } from '../peers/rule';
import { tagOf } from '../peers/sender_tag';
import { treatmentOf, type Treatment } from '../policy/require_tls';
import type { HostPlan } from '../policy/requirement';
import type { HostFailure } from './attempt';
import type { Delivery } from './delivery';
import type { Todo } from './haraka';
import type { HostTry } from './host_try';
import { isSocket } from './mx_entry';

export function treatmentFor(todo: Pick<Todo, 'notes' | 'mail_from'>, rule: OutboundRule): Treatment {
  return treatmentOf(tagOf(todo.notes), senderOf(todo), rule);
}

/** An address without a domain is one, too. */
function senderOf({ mail_from }: Pick<Todo, 'mail_from'>): 'with_sender' | 'null_sender' {
  return mail_from.format(true) === '<>' ? 'null_sender' : 'with_sender';
}

/**
 * What is said of REQUIRETLS at this host. A UNIX socket is where the way of the message ends (section 4.4).
 *
 * @throws Error where the decision has forgotten a message that is tagged: nothing is sent then
 */
export function requireTlsOf({ hmail }: Delivery, { mx, plan }: HostTry): HostPlan['requireTls'] {
  if (isSocket(mx)) return undefined;
  if (tagOf(hmail.todo.notes) === 'required' && plan.requireTls === undefined) {
    throw new Error('the message is tagged for REQUIRETLS, and nothing was decided about that');
  }
  return plan.requireTls;
}

/** What the sender is told when no host is left (section 4.2.1): that of the host with which things went furthest. */
export function requireTlsStatus(failures: readonly HostFailure[]): '5.7.30' | '5.7.10' {
  return failures.some(
    (failure) => failure.kind === 'policy' && failure.failure.reason === 'requiretls-not-offered',
  )
    ? '5.7.30'
    : '5.7.10';
}
