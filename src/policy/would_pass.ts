/** What a handshake would be worth to requirements that it was not held to: for the record of what a rule would do. Pure. */
import type { DaneAuthentication } from '../dane/types';
import type { FailureReason } from '../failure';
import type { TlsSession } from '../tls/session';
import type { Authentication, PkixAuthentication } from './requirement';
import { checkSession } from './session';

export type WouldPass = 'pass' | 'unknown' | FailureReason;

/** Names that a certificate may be good for. */
export type ReferenceNames = Pick<PkixAuthentication, 'names' | 'subdomains'>;

/**
 * Whether the peer's certificate passes PKIX for one of these. To be asked while the connection lives, or after its chain was
 * read: without the chain nobody can tell.
 */
export function wouldPassPkix(session: TlsSession, names: ReferenceNames, now: Date): WouldPass {
  const { certificates, group } = session;
  if (certificates.leaf.length > 0 && certificates.chain().length === 0) return 'unknown';
  // A handshake that verifies a chain takes no such group.
  if (isWeakGroup(group)) return 'tls-handshake-failed';
  return verdictOn(session, { kind: 'pkix', pkix: { ...names, extraRoots: undefined } }, now);
}

/** Whether it passes by these TLSA records. */
export function wouldPassDane(session: TlsSession, dane: DaneAuthentication, now: Date): WouldPass {
  const { certificates } = session;
  if (certificates.leaf.length > 0 && certificates.chain().length === 0) return 'unknown';
  return verdictOn(session, { kind: 'dane', dane }, now);
}

/** Diffie and Hellman over a prime of fewer than 2048 bits: OpenSSL's security level 2 refuses it. */
export function isWeakGroup(group: string): boolean {
  const [, bits] = /^DH-(\d+)$/.exec(group) ?? [];
  return bits !== undefined && Number(bits) < 2048;
}

function verdictOn(session: TlsSession, authentication: Authentication, now: Date): WouldPass {
  const verdict = checkSession(
    {
      kind: 'encrypted',
      minVersion: 'TLSv1',
      authentication,
      serverName: undefined,
      observe: undefined,
      because: 'verify',
    },
    session,
    now,
  );
  return verdict.kind === 'met' ? 'pass' : verdict.failure.reason;
}
