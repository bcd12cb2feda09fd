/** Watches a session for the delivery of one message: what it came to be, and Haraka's own log lines about it. */
import type { PeerCertificate } from 'node:tls';
import type { SessionMet } from '../policy/session';
import type { SessionObserver } from '../session/options';
import { messageOf, printable } from '../text';
import type { HandshakeOptions } from '../tls/options';
import type { TlsSession } from '../tls/session';
import type { Attempt, Connected } from './attempt';
import { deliveryCounters } from './counters';
import type { Delivery } from './delivery';
import { whereOf, type HostTry } from './host_try';
import type { About, KeptChannel } from './kept_session';
import { askedOf, type Fitness } from './reuse';

/** Keeps what a session came to be, and writes Haraka's own log lines about it. */
export class Watcher implements SessionObserver {
  /** What is known of the session for those who come after. */
  channel: KeptChannel = { kind: 'cleartext', startTls: 'not_wanted' };
  authenticated = false;
  #tls: Pick<Connected, 'tlsVersion' | 'cipher' | 'group' | 'verified'> = inCleartext;
  #asked = '';

  readonly #delivery: Delivery;
  readonly #attempt: Attempt;
  readonly #tried: HostTry;

  constructor(delivery: Delivery, attempt: Attempt, tried: HostTry) {
    this.#delivery = delivery;
    this.#attempt = attempt;
    this.#tried = tried;
  }

  /** The session was opened for another message, and may carry this one. @param messages that it carried before */
  taken(about: About, fitness: Exclude<Fitness, { kind: 'unfit' }>, messages: number): void {
    this.channel = about.channel;
    this.authenticated = about.authenticated;
    if (fitness.kind === 'tls') this.#met(fitness.session, fitness.verdict);
    else if (fitness.wanted === 'tls') this.missingStartTls();
    this.#stands(messages);
  }

  /** The handshake begins. */
  asks(options: HandshakeOptions): void {
    this.#asked = askedOf(options);
  }

  sent: SessionObserver['sent'] = (lines) => {
    for (const line of lines) this.#log('logprotocol', `C: ${printable(line, longestLine)}`);
  };

  received: SessionObserver['received'] = ({ code, lines }, during) => {
    if (during === 'auth' && code.startsWith('2')) this.authenticated = true;
    const last = lines.length - 1;
    lines.forEach((text, index) =>
      this.#log('logprotocol', `S: ${code}${index === last ? ' ' : '-'}${printable(text, longestLine)}`),
    );
  };

  data: SessionObserver['data'] = (piece) => this.#log('logdata', piece);

  warn: SessionObserver['warn'] = (text) =>
    this.#log('logwarn', `tls-peers: host ${whereOf(this.#tried)}: ${text}`);

  missingStartTls: SessionObserver['missingStartTls'] = () => {
    this.channel = { kind: 'cleartext', startTls: 'not_offered' };
    const { requirement } = this.#tried.plan;
    if (requirement.kind !== 'opportunistic' || requirement.observe === undefined) return;
    this.#observe([{ reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' }]);
  };

  secured: SessionObserver['secured'] = (session, verdict, certificate) => {
    if (verdict.kind === 'failed') return;
    const made = this.#delivery.environment.options().now();
    this.channel = { kind: 'tls', asked: this.#asked, session, made };
    deliveryCounters.countHandshake(session.protocol ?? '');
    this.#met(session, verdict);
    this.#log('loginfo', 'secured', securedInfo(session, certificate, verdict.verified));
  };

  established: SessionObserver['established'] = () => {
    deliveryCounters.countMessage('new');
    this.#stands(0);
  };

  #met({ protocol, cipher, group }: TlsSession, verdict: SessionMet): void {
    this.#tls = { tlsVersion: protocol ?? '', cipher, group, verified: verdict.verified };
    this.#observe(verdict.recorded);
  }

  #stands(messagesBefore: number): void {
    const { mx, plan } = this.#tried;
    this.#attempt.connected = { ...this.#tls, plan, address: mx.exchange ?? '', messagesBefore };
  }

  #observe(recorded: SessionMet['recorded']): void {
    for (const failure of recorded) {
      this.#attempt.record(this.#tried.plan.host, failure);
      const { reason, text } = failure;
      this.#log(
        'loginfo',
        `tls-peers: host ${whereOf(this.#tried)} would be refused: ${reason}: ${text} (rule ${this.#attempt.ruleName()})`,
      );
    }
  }

  /** Other plugins may listen to the log; none of them may stop a delivery. */
  #log(method: 'logprotocol' | 'logdata' | 'loginfo' | 'logwarn', ...what: unknown[]): void {
    try {
      this.#delivery.hmail[method](...what);
    } catch (error) {
      this.#delivery.hmail.logerror(`tls-peers: a line of the log broke: ${printable(messageOf(error))}`);
    }
  }
}

const inCleartext = { tlsVersion: '', cipher: '', group: '', verified: 'none' } as const;

/** Characters. */
const longestLine = 1000;

/** As Haraka's own line has it. */
function securedInfo(
  { protocol, cipher, chainVerdict }: TlsSession,
  certificate: Partial<PeerCertificate>,
  verified: string,
): Record<string, unknown> {
  const { subject, issuer, valid_to: expires, fingerprint } = certificate;
  const named = {
    cn: subject?.CN,
    organization: subject?.O,
    issuer: issuer?.O,
    expires,
    fingerprint,
  };
  return {
    verified: verified !== 'unauthenticated' || chainVerdict === 'trusted',
    cipher,
    version: protocol,
    ...(chainVerdict === 'trusted' ? {} : { error: chainVerdict }),
    ...Object.fromEntries(
      Object.entries(named).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, printable(String(value))]],
      ),
    ),
  };
}
