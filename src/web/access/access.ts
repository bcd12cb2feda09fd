/** Whether a request is let in, and by what. From loopback as from anywhere else: nothing without a credential. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { randomBytes } from 'node:crypto';
import type { GlobalSettings } from '../../settings/schema/types';
import { FailedAttempts } from './attempts';
import { clientOf, type Client } from './proxies';
import { openSession, sealSession, type Session } from './sessions';
import type { Token } from './token_file';

export type Access =
  /** The token itself, as a bearer. */
  | { readonly kind: 'bearer' }
  | { readonly kind: 'session'; readonly session: Session }
  /** A proxy that the operator trusts let the user in. */
  | { readonly kind: 'proxy'; readonly user: string }
  | { readonly kind: 'none' }
  /** Too many that were wrong: what is offered is not looked at. */
  | { readonly kind: 'wait'; readonly seconds: number };

export type LogIn =
  | { readonly kind: 'in'; readonly cookie: string }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'wait'; readonly seconds: number };

/** Sessions that were ended before their time, in every process. */
export interface Ended {
  has(id: string): boolean;
  add(session: Session): void;
}

export interface AccessOptions {
  readonly web: () => GlobalSettings['web'];
  readonly token: () => Token | undefined;
  readonly ended: Ended;
  readonly now: () => number;
}

const cookieName = 'tls_peers_session';
/** The page and all that it asks for. */
export const mount = '/tls-peers';

export class Gatekeeper {
  readonly #options: AccessOptions;
  readonly #bearers = new FailedAttempts();
  readonly #logIns = new FailedAttempts();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  clientOf(request: IncomingMessage): Client {
    const { remoteAddress = '' } = request.socket;
    const encrypted = (request.socket as Partial<TLSSocket>).encrypted === true;
    return clientOf({ address: remoteAddress, encrypted }, request.headersDistinct, this.#options.web());
  }

  accessOf(request: IncomingMessage, client: Client): Access {
    const { token: currentToken, now } = this.#options;
    const token = currentToken();
    if (client.user !== '') return { kind: 'proxy', user: client.user };
    if (token === undefined) return { kind: 'none' };
    const { authorization } = request.headers;
    if (authorization !== undefined) return this.#bearer(token, authorization, client.address, now());
    const session = this.#session(token, request, now());
    return session === undefined ? { kind: 'none' } : { kind: 'session', session };
  }

  #bearer(token: Token, authorization: string, client: string, now: number): Access {
    const seconds = this.#bearers.waitFor(client, now);
    if (seconds > 0) return { kind: 'wait', seconds };
    const given = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (given !== undefined && token.matches(given)) return { kind: 'bearer' };
    this.#bearers.failed(client, now);
    return { kind: 'none' };
  }

  #session(token: Token, request: IncomingMessage, now: number): Session | undefined {
    const { session } = this.#options.web();
    const cookies = (request.headers.cookie ?? '').split(/;\s*/);
    for (const cookie of cookies) {
      if (!cookie.startsWith(`${cookieName}=`)) continue;
      const opened = openSession(token.sessionKey, cookie.slice(cookieName.length + 1), now, session * 1000);
      if (opened !== undefined && !this.#options.ended.has(opened.id)) return opened;
    }
    return undefined;
  }

  /** Exchanges the token for a session. */
  logIn(given: string, client: Client): LogIn {
    const { web, token: currentToken, now: clock } = this.#options;
    const now = clock();
    const seconds = this.#logIns.waitFor(client.address, now);
    if (seconds > 0) return { kind: 'wait', seconds };
    const token = currentToken();
    if (token === undefined || !token.matches(given)) {
      this.#logIns.failed(client.address, now);
      return { kind: 'wrong' };
    }
    const lasting = web().session;
    const value = sealSession(token.sessionKey, now + lasting * 1000, randomBytes(16));
    return { kind: 'in', cookie: cookie(value, lasting, client) };
  }

  /** @returns what takes the cookie from the browser */
  logOut(access: Access, client: Client): string {
    if (access.kind === 'session') this.#options.ended.add(access.session);
    return cookie('', 0, client);
  }
}

function cookie(value: string, seconds: number, { encrypted }: Client): string {
  const parts = [
    `${cookieName}=${value}`,
    `Path=${mount}/`,
    `Max-Age=${seconds}`,
    'HttpOnly',
    'SameSite=Strict',
  ];
  return [...parts, ...(encrypted ? ['Secure'] : [])].join('; ');
}
