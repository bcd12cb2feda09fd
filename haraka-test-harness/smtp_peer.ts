/**
 * An MX host: an SMTP server that follows the script of its behaviour and records every octet that it receives, before
 * and after TLS apart.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

import type { ServerCertificate } from './certificates';
import { behaviourOf, type Behaviour, type BehaviourName, type Step } from './behaviours';
import { Session, type PeerConnection, type PeerMessage } from './smtp_session';
import type { TlsVersion } from './world';

export type { PeerConnection, PeerMessage, PeerTls } from './smtp_session';

export interface SmtpPeerOptions {
  readonly name: string;
  /** A loopback address of its own. */
  readonly address: string;
  /** A free one where absent. */
  readonly port?: number;
  readonly certificate: ServerCertificate;
  readonly tls: { readonly min: TlsVersion; readonly max: TlsVersion };
  readonly behaviour: BehaviourName | Behaviour | readonly (BehaviourName | Behaviour)[];
}

export interface SmtpPeer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** In the order in which they came. */
  readonly connections: readonly PeerConnection[];
  readonly messages: readonly PeerMessage[];
  readonly certificate: ServerCertificate;
  setBehaviour(behaviour: SmtpPeerOptions['behaviour']): void;
  /** For connections to come, and for open ones that renegotiate. */
  setCertificate(certificate: ServerCertificate, tls?: SmtpPeerOptions['tls']): void;
  /** The most connections that were open at a time, without those that had taken leave. */
  readonly mostAtOnce: number;
  /** Does this on every connection that is open, unasked. */
  perform(step: Step): void;
  /** Asks for another handshake on every connection that is open (TLS 1.2 at most). */
  renegotiate(): void;
  /** Resolves once `test` holds of this peer, asked whenever something happened there. */
  until(test: (peer: SmtpPeer) => boolean, timeoutMs?: number): Promise<void>;
  /** Resolves once no connection is open. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSmtpPeer(options: SmtpPeerOptions): Promise<SmtpPeer> {
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const sessions: Session[] = [];
  let { behaviour } = options;
  let { certificate } = options;
  let context = secureContext(certificate, options.tls);
  let mostAtOnce = 0;

  const openSessions = (): Session[] => sessions.filter(({ state }) => state === 'open');

  const behaviourOfConnection = (number: number): Behaviour =>
    behaviourOf(
      isList(behaviour) ? (behaviour[Math.min(number, behaviour.length - 1)] ?? 'normal') : behaviour,
    );

  const contextFor = (own: Behaviour): SecureContext =>
    own.ciphers === undefined && own.signatureAlgorithms === undefined && own.groups === undefined
      ? context
      : secureContext(certificate, options.tls, own);

  const server: Server = createServer((socket) => {
    const own = behaviourOfConnection(sessions.length);
    sessions.push(
      new Session(
        socket,
        options.name,
        own,
        () => contextFor(own),
        () => changes.emit('change'),
      ),
    );
    mostAtOnce = Math.max(mostAtOnce, openSessions().filter(({ tookLeave }) => !tookLeave).length);
    changes.emit('change');
  });
  server.listen(options.port ?? 0, options.address);
  await once(server, 'listening');

  const peer: SmtpPeer = {
    name: options.name,
    address: options.address,
    port: (server.address() as AddressInfo).port,
    connections: sessions,
    get messages() {
      return sessions.flatMap(({ messages }) => messages);
    },
    get certificate() {
      return certificate;
    },
    setBehaviour: (next) => {
      behaviour = next;
    },
    setCertificate: (next, tls = options.tls) => {
      certificate = next;
      context = secureContext(next, tls);
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    perform: (step) => openSessions().forEach((session) => session.perform(step)),
    renegotiate: () => sessions.forEach((session) => session.renegotiate()),
    until: async (test, timeoutMs = 10_000) => {
      const deadline = AbortSignal.timeout(timeoutMs);
      while (!test(peer)) {
        await once(changes, 'change', { signal: deadline }).catch(() => {
          throw new Error(`what was awaited at ${options.name} did not happen within ${timeoutMs} ms`);
        });
      }
    },
    settled: () => peer.until(() => sessions.every(({ state }) => state === 'closed')),
    stop: async () => {
      sessions.forEach((session) => session.destroy());
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
  return peer;
}

function isList(
  behaviour: SmtpPeerOptions['behaviour'],
): behaviour is Extract<SmtpPeerOptions['behaviour'], readonly unknown[]> {
  return Array.isArray(behaviour);
}

function secureContext(
  certificate: ServerCertificate,
  tls: SmtpPeerOptions['tls'],
  { ciphers, dhParameters, signatureAlgorithms, groups }: Behaviour = {},
): SecureContext {
  return createSecureContext({
    cert: certificate.chainPem,
    key: certificate.keyPem,
    minVersion: tls.min,
    // The ciphers of TLS 1.3 are not in that list.
    maxVersion: ciphers !== undefined && tls.max === 'TLSv1.3' ? 'TLSv1.2' : tls.max,
    // TLS 1.0 and 1.1 need SHA-1, which OpenSSL refuses above this level.
    ciphers: `${ciphers ?? 'DEFAULT'}:@SECLEVEL=0`,
    ...(dhParameters === undefined ? {} : { dhparam: dhParameters }),
    ...(signatureAlgorithms === undefined ? {} : { sigalgs: signatureAlgorithms }),
    ...(groups === undefined ? {} : { ecdhCurve: groups }),
    // A session resumed would show no other certificate.
    secureOptions: constants.SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION,
  });
}
