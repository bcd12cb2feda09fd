/**
 * Sessions of the page. What a browser keeps is an end, a random name and a seal over both under a key that comes from the
 * token: every worker can tell whether a session is one of ours without being told, and another token ends all of them. Pure.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

export interface Session {
  /** Random; what a log-out names. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export type SessionKey = Uint8Array;

const seconds = 1000;

/** The key for the sessions of a token. */
export function sessionKey(token: string): SessionKey {
  return new Uint8Array(hkdfSync('sha256', token, '', 'tls-peers web session', 32));
}

/** The value of the cookie. @param random 16 octets */
export function sealSession(key: SessionKey, until: number, random: Uint8Array): string {
  const body = `${Math.floor(until / seconds).toString(36)}.${Buffer.from(random).toString('base64url')}`;
  return `${body}.${sealOf(key, body).toString('base64url')}`;
}

/**
 * @param longest milliseconds; a session that would last longer is none: the setting was shortened since
 * @returns `undefined` where it is over, or none of ours
 */
export function openSession(
  key: SessionKey,
  value: string,
  now: number,
  longest: number,
): Session | undefined {
  const [, body = '', until = '', id = '', seal = ''] =
    /^(([0-9a-z]{1,9})\.([\w-]{22}))\.([\w-]{43})$/.exec(value) ?? [];
  if (body === '' || !timingSafeEqual(sealOf(key, body), Buffer.from(seal, 'base64url'))) return undefined;
  const end = Number.parseInt(until, 36) * seconds;
  return end > now && end <= now + longest ? { id, until: end } : undefined;
}

function sealOf(key: SessionKey, body: string): Buffer {
  return createHmac('sha256', key).update(body).digest();
}
