/** What a session with a host broke on, and whether that host is tried again in another way. */
import type { Failure } from '../failure';
import type { HostFault } from '../smtp/session';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import { againAfter, whereOf, type HostTry } from './host_try';
import { rememberBroken } from './redis_memory';

/** Keeps what was wrong with a host, and has it tried again where another way of speaking with it is allowed. */
export function noteFault(delivery: Delivery, attempt: Attempt, tried: HostTry, fault: HostFault): void {
  const { hmail } = delivery;
  switch (fault.kind) {
    case 'starttls_missing':
      refuse(delivery, attempt, tried, { reason: 'starttls-not-supported', text: fault.text });
      return;
    case 'requiretls_missing':
      refuse(delivery, attempt, tried, { reason: 'requiretls-not-offered', text: fault.text });
      return;
    case 'lost': {
      const { exchange, path } = tried.mx;
      hmail.logerror(
        `Ongoing connection failed to ${path || (exchange ?? '')}:${tried.plan.port} : ${fault.text}`,
      );
      const text = fault.at === 'in_session' ? `${fault.text} (while delivering)` : fault.text;
      const { answer } = fault;
      attempt.failures.push({
        kind: 'network',
        host: whereOf(tried),
        text,
        // A refusal that is not taken at its word is none to show.
        ...(answer !== 'none' && answer.code.startsWith('4') ? { answer } : {}),
      });
      return;
    }
    case 'tls':
      onTlsFault(delivery, attempt, tried, fault);
  }
}

/** The same host is tried again at once, on a new connection, where another way of speaking with it is allowed. */
function onTlsFault(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  fault: Extract<HostFault, { kind: 'tls' }>,
): void {
  const { hmail } = delivery;
  const { failure } = fault;
  const { host } = tried.plan;
  const again = againAfter(tried, fault);
  if (again.kind !== 'no' && attempt.queue !== 'unread') attempt.queue.unshift(again.next);
  switch (again.kind) {
    case 'no':
      refuse(delivery, attempt, tried, failure);
      return;
    case 'with_tls':
      hmail.loginfo(`tls-peers: host ${host} takes no mail without TLS; trying again with it`);
      return;
    case 'with_classic_hello':
      // not always covered: only a Node with ML-KEM has two hellos; `npm run test:nodes` shows them.
      hmail.loginfo(
        `tls-peers: host ${host}: ${failure.text}; trying again with a hello of classic groups only`,
      );
      return;
    case 'without_tls': {
      attempt.record(host, failure);
      const text = `tls-peers: host ${host}: ${failure.reason}: ${failure.text}; trying again without TLS`;
      if (failure.reason === 'config-invalid' || failure.reason === 'internal-error') {
        // Our own fault, which says nothing about the host.
        hmail.logerror(text);
        return;
      }
      hmail.loginfo(text);
      rememberBrokenTls(delivery, tried.mx.exchange ?? host);
    }
  }
}

/** Nothing of the delivery waits for the answer. */
function rememberBrokenTls({ environment }: Delivery, host: string): void {
  if (environment.options().rememberBrokenTls) rememberBroken(environment.outboundTls, host);
}

function refuse({ hmail }: Delivery, attempt: Attempt, tried: HostTry, failure: Failure): void {
  const { requirement } = tried.plan;
  attempt.refuse(
    hmail,
    whereOf(tried),
    failure,
    requirement.kind === 'cleartext' ? 'nothing' : requirement.because,
  );
}
