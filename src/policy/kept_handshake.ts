/** Holds the handshake of a session that was opened for another message to what this one requires. Pure. */
import type { X509Certificate } from 'node:crypto';
import { nameOf } from './dates';
import { observedBy } from './observed';
import type { TlsSession } from '../tls/session';
import type { TlsRequirement } from './requirement';
import { checkSession, type SessionVerdict } from './session';

/**
 * As if the handshake had just been made: a rule that was tightened meanwhile counts, and so does a certificate that has expired
 * meanwhile. OpenSSL's verdict on the chain is as old as the handshake, and worth what that one asked for: whoever calls this has
 * made sure that this message would ask for the same (roots, security level, versions, ciphers).
 *
 * @param made when the handshake was made
 */
export function checkKept(
  requirement: TlsRequirement,
  session: TlsSession,
  made: Date,
  now: Date,
): SessionVerdict {
  const verdict = checkSession(requirement, session, now);
  if (verdict.kind === 'failed' || !restsOnChain(requirement)) return verdict;
  const chain = session.certificates.chain();
  const depth = chain.findIndex((certificate) => wasValid(certificate, made) && !wasValid(certificate, now));
  const outside = chain[depth];
  if (outside === undefined) return verdict;
  const text = `${nameOf(outside, depth)} was within its dates at the handshake, and is not any more`;
  return { kind: 'failed', failure: { reason: 'certificate-expired', text } };
}

/** Whether OpenSSL's verdict on the chain, dates included, stands for any of it. */
function restsOnChain(requirement: TlsRequirement): boolean {
  const enforced = requirement.kind === 'encrypted' ? [requirement] : [];
  return [...enforced, ...observedBy(requirement)].some(({ authentication }) => 'pkix' in authentication);
}

function wasValid({ validFrom, validTo }: X509Certificate, at: Date): boolean {
  return Date.parse(validFrom) <= at.getTime() && at.getTime() <= Date.parse(validTo);
}
