/** One session for one message: what Haraka knows of message, host and settings, as the session wants it. */
import type { PeerCertificate } from 'node:tls';
import { forbidsCleartext } from '../policy/cleartext';
import { handshakeTerms } from '../policy/handshake_terms';
import type { TlsRequirement } from '../policy/requirement';
import { checkSession, type SessionVerdict } from '../policy/session';
import type { SessionObserver, TlsPart } from '../session/options';
import { Session } from '../session/session';
import type { Credentials } from '../smtp/auth';
import type { Envelope, Path } from '../smtp/envelope';
import type { Outcome, Terms, TlsTerms } from '../smtp/session';
import { handshakeOptions } from '../tls/options';
import type { TlsSession } from '../tls/session';
import { messageOf, printable } from '../text';
import type { Attempt, Connected } from './attempt';
import type { Delivery } from './delivery';
import { mutualCertificate, type HarakaMx, type HMailItem, type PluggableSocket } from './haraka';
import { harakaTerms } from './haraka_tls';
import { whereOf, type HostTry } from './host_try';

/** What came of a session, and what Haraka wants to know of it. */
export interface HostSession {
  readonly outcome: Outcome;
  readonly secured: boolean;
  readonly authenticated: boolean;
}

/** Never rejects. */
export async function holdSession(
  delivery: Delivery,
  attempt: Attempt,
  tried: HostTry,
  socket: PluggableSocket,
): Promise<HostSession> {
  const { hmail, environment } = delivery;
  const watcher = new Watcher(delivery, attempt, tried);
  const { limits } = environment.options();
  const session = new Session({
    socket: socket.targetsocket,
    terms: termsOf(delivery, tried),
    timeouts: limits.session,
    budget: attempt.budget,
    tls: tlsPartOf(delivery, tried),
    message: () => hmail.data_stream(),
    observer: watcher,
  });
  const outcome = await session.run();
  return { outcome, secured: watcher.secure, authenticated: watcher.authenticated };
}

function termsOf(delivery: Delivery, tried: HostTry): Terms {
  const { mx } = tried;
  return {
    protocol: mx.using_lmtp ? 'lmtp' : 'smtp',
    ehloName: oneWord(mx.bind_helo),
    tls: tlsTermsOf(delivery, tried),
    credentials: credentialsOf(mx),
    task: { kind: 'deliver', envelope: envelopeOf(delivery.hmail) },
  };
}

function tlsTermsOf(delivery: Delivery, { mx, plan, tls }: HostTry): TlsTerms {
  const { requirement } = plan;
  if (requirement.kind === 'cleartext') return { kind: 'unwanted' };
  if (forbidsCleartext(requirement)) return { kind: 'required' };
  if (tls.kind === 'without') return { kind: 'broken', failure: tls.failure };
  const { kind } = harakaTerms(delivery, mx, plan);
  return { kind: kind === 'in_cleartext' ? 'unwanted' : 'if_offered' };
}

/** `notes.outbound_helo` and a route may hold anything; a line break would end the command. */
function oneWord(name: unknown): string {
  const word = typeof name === 'string' ? name.replace(/[^\x21-\x7e\u0080-\u{10ffff}]/gu, '') : '';
  return word === '' ? 'localhost' : word;
}

function credentialsOf({ auth_user, auth_pass, auth_type }: HarakaMx): Credentials | 'none' {
  if (typeof auth_user !== 'string' || typeof auth_pass !== 'string') return 'none';
  if (auth_user === '' || auth_pass === '') return 'none';
  const mechanism = typeof auth_type === 'string' && auth_type !== '' ? auth_type.toUpperCase() : 'any';
  return { user: auth_user, password: auth_pass, mechanism };
}

function envelopeOf(hmail: HMailItem): Envelope {
  const { todo, file_size, data_start } = hmail;
  // A plugin may have put a stream of its own in place of the queue file.
  const isFile = !Object.hasOwn(hmail, 'data_stream');
  const path = (address: { format(ascii?: boolean): string }): Path => ({
    text: address.format(false),
    ascii: address.format(true),
  });
  return {
    from: path(todo.mail_from),
    recipients: todo.rcpt_to.map(path),
    octets:
      isFile && typeof file_size === 'number' && typeof data_start === 'number'
        ? file_size - data_start
        : 'unknown',
  };
}

function tlsPartOf({ environment }: Delivery, { mx, plan, hello }: HostTry): TlsPart | 'none' {
  const { requirement } = plan;
  if (requirement.kind === 'cleartext') return 'none';
  const { outboundTls, tlsSocket } = environment;
  const terms = handshakeTerms(requirement);
  return {
    options: () =>
      handshakeOptions({
        terms,
        haraka: { ...outboundTls.cfg },
        certificate: mutualCertificate(tlsSocket, mx.exchange ?? ''),
        hello,
      }),
    terms,
    judge: (session) => checkSession(requirement, session, environment.options().now()),
    failedVerdict: failedVerdict(requirement),
  };
}

/** Where cleartext is allowed, a new connection may do without TLS. */
function failedVerdict({ kind }: TlsRequirement): TlsPart['failedVerdict'] {
  return kind === 'encrypted' ? 'verification' : 'starttls';
}

/** Keeps what a session came to be, and writes Haraka's own log lines about it. */
class Watcher implements SessionObserver {
  secure = false;
  authenticated = false;
  #tls: Pick<Connected, 'tlsVersion' | 'cipher' | 'group' | 'verified'> = {
    tlsVersion: '',
    cipher: '',
    group: '',
    verified: 'none',
  };

  constructor(
    private readonly delivery: Delivery,
    private readonly attempt: Attempt,
    private readonly tried: HostTry,
  ) {}

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
    this.#log('logwarn', `tls-peers: host ${whereOf(this.tried)}: ${text}`);

  missingStartTls: SessionObserver['missingStartTls'] = () => {
    const { requirement } = this.tried.plan;
    if (requirement.kind !== 'opportunistic' || requirement.observe === undefined) return;
    this.#observe([{ reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' }]);
  };

  secured: SessionObserver['secured'] = (session, verdict, certificate) => {
    if (verdict.kind === 'failed') return;
    this.secure = true;
    const { protocol, cipher, group } = session;
    this.#tls = { tlsVersion: protocol ?? '', cipher, group, verified: verdict.verified };
    this.#observe(verdict.recorded);
    this.#log('loginfo', 'secured', securedInfo(session, certificate, verdict.verified));
  };

  established: SessionObserver['established'] = () => {
    const { mx, plan } = this.tried;
    this.attempt.connected = { ...this.#tls, plan, address: mx.exchange ?? '' };
  };

  #observe(recorded: Extract<SessionVerdict, { kind: 'met' }>['recorded']): void {
    for (const failure of recorded) {
      this.attempt.record(this.tried.plan.host, failure);
      const { reason, text } = failure;
      this.#log(
        'loginfo',
        `tls-peers: host ${whereOf(this.tried)} would be refused: ${reason}: ${text} (rule ${this.attempt.ruleName()})`,
      );
    }
  }

  /** Other plugins may listen to the log; none of them may stop a delivery. */
  #log(method: 'logprotocol' | 'logdata' | 'loginfo' | 'logwarn', ...what: unknown[]): void {
    try {
      this.delivery.hmail[method](...what);
    } catch (error) {
      this.delivery.hmail.logerror(`tls-peers: a line of the log broke: ${printable(messageOf(error))}`);
    }
  }
}

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
