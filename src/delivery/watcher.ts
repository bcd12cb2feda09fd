/** Watches a session for the delivery of one message: what it came to be, and Haraka's own log lines about it. */
import type { PeerCertificate } from 'node:tls';
import type { SessionMet } from '../policy/session';
import type { SessionObserver } from '../session/options';
import { messageOf, printable } from '../text';
import { handshakeIdentity, type HandshakeRequest } from '../tls/options';
import type { TlsSession } from '../tls/session';
import type { Sighting } from '../evidence/sighting';
import type { HostFault, Outcome } from '../smtp/session';
import type { Attempt, Connected } from './attempt';
import { deliveryCounters } from './counters';
import type { Delivery } from './delivery';
import { hostSeen } from './host_seen';
import { nextHopOf } from './sighting';
import { whereOf, type HostTry } from './host_try';
import type { About, KeptChannel } from './kept_session';
import type { Fitness } from './reuse';
import type { SessionCount } from './session_count';

/** Keeps what a session came to be, and writes Haraka's own log lines about it. */
export class Watcher implements SessionObserver {
  /** What is known of the session for those who come after. */
  channel: KeptChannel = { kind: 'cleartext', startTls: 'not_wanted' };
  authenticated = false;
  #tls: Pick<Connected, 'tlsVersion' | 'cipher' | 'group' | 'verified'> = inCleartext;
  #asked = '';
  #startTls: Sighting['startTls'] = 'unknown';
  #handshake: TlsSession | undefined;
  #isRemembered = false;

  readonly #delivery: Delivery;
  readonly #attempt: Attempt;
  readonly #tried: HostTry;
  readonly #count: SessionCount | 'none';

  /** @param count for a new session of which the peer is to be told */
  constructor(delivery: Delivery, attempt: Attempt, tried: HostTry, count: SessionCount | 'none' = 'none') {
    this.#delivery = delivery;
    this.#attempt = attempt;
    this.#tried = tried;
    this.#count = count;
  }

  /** The session was opened for another message, and may carry this one. @param messages that it carried before */
  taken(about: About, fitness: Exclude<Fitness, { kind: 'unfit' }>, messages: number): void {
    this.channel = about.channel;
    this.authenticated = about.authenticated;
    this.#startTls =
      about.channel.kind === 'tls'
        ? 'used'
        : about.channel.startTls === 'not_offered'
          ? 'not_offered'
          : 'not_tried';
    if (fitness.kind === 'tls') this.#met(fitness.session, fitness.verdict);
    else if (fitness.wanted === 'tls') this.missingStartTls();
    this.#stands(messages);
  }

  /** The handshake begins. */
  asks(request: HandshakeRequest): void {
    this.#asked = handshakeIdentity(request);
  }

  sent: SessionObserver['sent'] = (lines) => {
    if (!this.#delivery.environment.logsProtocol()) return;
    for (const line of lines) this.#log('logprotocol', `C: ${printable(line, longestLine)}`);
  };

  received: SessionObserver['received'] = (reply, during) => {
    const { code, lines } = reply;
    if (this.#count !== 'none') this.#count.received(reply, during);
    if (during === 'auth' && code.startsWith('2')) this.authenticated = true;
    if (!this.#delivery.environment.logsProtocol()) return;
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
    this.#startTls = 'not_offered';
    if (this.#count !== 'none') this.#count.missingStartTls();
    const { requirement } = this.#tried.plan;
    if (requirement.kind !== 'opportunistic' || requirement.observe === undefined) return;
    this.#observe([{ reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' }]);
  };

  secured: SessionObserver['secured'] = (session, verdict, certificate) => {
    this.#handshake = session;
    this.#startTls = 'used';
    if (this.#count !== 'none') this.#count.secured(session, verdict);
    // The connection is about to be closed, and with it goes the chain.
    if (verdict.kind === 'failed') {
      this.remember();
      return;
    }
    const made = this.#delivery.environment.options().now();
    this.channel = { kind: 'tls', asked: this.#asked, session, made };
    deliveryCounters.countHandshake(session.protocol ?? '');
    this.#met(session, verdict);
    this.#log('loginfo', 'secured', securedInfo(session, certificate, verdict.verified));
  };

  established: SessionObserver['established'] = ({ channel, capabilities }) => {
    if (channel === 'cleartext' && this.#startTls === 'unknown')
      this.#startTls = this.#withoutTls(capabilities.startTls);
    deliveryCounters.countMessage('new');
    this.#stands(0);
  };

  /** Keeps what the session showed. To be called when the message is through, and before the connection is let go of. */
  conclude(outcome: Outcome): void {
    if (outcome.kind === 'next_host' && this.#handshake === undefined) {
      const { fault } = outcome;
      if (fault.kind === 'starttls_missing') this.#startTls = 'not_offered';
      else if (fault.kind === 'tls' && fault.at !== 'session') this.#startTls = this.#failedAs(fault);
    }
    if (this.#count !== 'none') this.#count.conclude(outcome);
    // A verdict that failed is remembered already.
    if (outcome.kind !== 'stale' && !this.#isRemembered) this.remember();
  }

  /** A fault in it must not change what becomes of the message. */
  remember(): void {
    this.#isRemembered = true;
    if (!this.#delivery.environment.keepsEvidence()) return;
    try {
      const { plan } = this.#tried;
      const shown = {
        plan,
        nextHop: nextHopOf(this.#attempt.facts, plan.host),
        startTls: this.#startTls,
        session: this.#handshake,
        verified: this.#tls.verified,
      };
      this.#attempt.seen.push(hostSeen(shown, this.#delivery.environment.options().now()));
    } catch (error) {
      this.#log(
        'logwarn',
        `tls-peers: what the session showed could not be kept: ${printable(messageOf(error))}`,
      );
    }
  }

  #failedAs({ failure: { reason }, at }: Extract<HostFault, { kind: 'tls' }>): Sighting['startTls'] {
    if (reason === 'tls-version-too-low') return 'too_old';
    const isBroken = at === 'stalled' || this.#asked === '';
    return reason === 'tls-handshake-failed' && isBroken ? 'broken' : 'failed';
  }

  #withoutTls(isOffered: boolean): Sighting['startTls'] {
    const { tls, plan } = this.#tried;
    if (tls.kind === 'without') {
      // How it failed is known of this attempt alone, not of what was remembered.
      const before = this.#attempt.seen.findLast(({ host }) => host === plan.host);
      return before?.startTls ?? 'not_tried';
    }
    return isOffered ? 'not_tried' : 'not_offered';
  }

  #met(session: TlsSession, verdict: SessionMet): void {
    const { protocol, cipher, group } = session;
    this.#handshake = session;
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
      // not covered: no plugin of the tests breaks the log.
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
