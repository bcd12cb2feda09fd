/** What one session with one host is asked to do, from what Haraka knows of message, host and settings. */
import { checkSession } from '../policy/session';
import { forbidsCleartext } from '../policy/cleartext';
import { handshakeTerms } from '../policy/handshake_terms';
import type { HostPlan, TlsRequirement } from '../policy/requirement';
import type { TlsPart } from '../session/options';
import type { Credentials } from '../smtp/auth';
import type { Envelope, Path } from '../smtp/envelope';
import type { Terms, TlsTerms } from '../smtp/session';
import { handshakeOptions, type HandshakeRequest } from '../tls/options';
import type { Delivery } from './delivery';
import { mutualCertificate, type HarakaMx, type HMailItem } from './haraka';
import { harakaTerms } from './haraka_tls';
import type { HostTry } from './host_try';
import { requireTlsOf } from './require_tls';

export function termsOf(delivery: Delivery, tried: HostTry): Terms {
  const { mx } = tried;
  return {
    protocol: mx.using_lmtp ? 'lmtp' : 'smtp',
    ehloName: oneWord(mx.bind_helo),
    tls: tlsTermsOf(delivery, tried),
    credentials: credentialsOf(mx),
    task: { kind: 'deliver', envelope: envelopeOf(delivery.hmail, requireTlsOf(delivery, tried)) },
  };
}

export function tlsTermsOf(delivery: Delivery, { mx, plan, tls }: HostTry): TlsTerms {
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

export function credentialsOf({ auth_user, auth_pass, auth_type }: HarakaMx): Credentials | 'none' {
  if (typeof auth_user !== 'string' || typeof auth_pass !== 'string') return 'none';
  if (auth_user === '' || auth_pass === '') return 'none';
  const mechanism = typeof auth_type === 'string' && auth_type !== '' ? auth_type.toUpperCase() : 'any';
  return { user: auth_user, password: auth_pass, mechanism };
}

function envelopeOf(hmail: HMailItem, requireTls: HostPlan['requireTls']): Envelope {
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
    ...(requireTls === undefined ? {} : { requireTls }),
  };
}

/** What the options of the handshake are made from. Throws where TLS is not wanted. */
export function handshakeRequest({ environment }: Delivery, { mx, plan, hello }: HostTry): HandshakeRequest {
  const { requirement } = plan;
  if (requirement.kind === 'cleartext') throw new Error('TLS is not wanted');
  const { outboundTls, tlsSocket } = environment;
  return {
    terms: handshakeTerms(requirement),
    haraka: outboundTls.cfg ?? {},
    certificate: mutualCertificate(tlsSocket, mx.exchange ?? ''),
    hello,
  };
}

/** @param onAsked told what the handshake is asked for, as it is begun */
export function tlsPartOf(
  delivery: Delivery,
  tried: HostTry,
  onAsked: (request: HandshakeRequest) => void,
): TlsPart | 'none' {
  const { requirement } = tried.plan;
  if (requirement.kind === 'cleartext') return 'none';
  return {
    options: () => {
      const request = handshakeRequest(delivery, tried);
      const options = handshakeOptions(request);
      onAsked(request);
      return options;
    },
    terms: handshakeTerms(requirement),
    judge: (session) => checkSession(requirement, session, delivery.environment.options().now()),
    failedVerdict: failedVerdict(requirement),
  };
}

/** Where cleartext is allowed, a new connection may do without TLS. */
function failedVerdict({ kind }: TlsRequirement): TlsPart['failedVerdict'] {
  return kind === 'encrypted' ? 'verification' : 'starttls';
}
