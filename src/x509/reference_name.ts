/**
 * The name that a peer is asked for, held against the constraints of the CAs above its certificate where OpenSSL judged the
 * chain. OpenSSL holds the certificate's own names against them, literally: a wildcard passes although the one name that it is
 * taken for is excluded, and so does every name where the constraint is written `bad.example.` or `*.bad.example`.
 */
import type { X509Certificate } from 'node:crypto';
import { derOf, readCertificate } from './certificate';
import { issuerKeyOf, type WorkBudget } from './work_budget';
import { mayConstrainNames, permitsReference } from './name_constraints';
import { mayHaveIssued } from './path';

/**
 * A certificate above `leaf` that does not permit it to stand for `name`; `undefined` where there is none.
 *
 * Which path OpenSSL took is not known, so every certificate counts that some path leads to: it took one of those.
 *
 * @param name in canonical form, or a wildcard of the leaf
 * @param issuers what was sent and what is trusted, in any order
 * @throws WorkBudgetSpent
 */
export function forbiddingIssuer(
  leaf: X509Certificate,
  issuers: readonly X509Certificate[],
  name: string,
  budget: WorkBudget,
): X509Certificate | undefined {
  const forbidding = new Set(issuers.filter((issuer) => forbids(issuer, name, budget)));
  if (forbidding.size === 0) return undefined;
  const reached = [leaf];
  const left = new Set(issuers);
  // Grows while it is walked.
  for (const below of reached) {
    for (const issuer of left) {
      if (!mayHaveIssued(issuer, below)) continue;
      if (budget.signature(below, issuerKeyOf(issuer)) === 'not_signed') continue;
      if (forbidding.has(issuer)) return issuer;
      left.delete(issuer);
      reached.push(issuer);
    }
  }
  return undefined;
}

/** A certificate that OpenSSL may have understood and that is not understood here forbids what it may be about. */
function forbids(issuer: X509Certificate, name: string, budget: WorkBudget): boolean {
  const result = readCertificate(issuer);
  if (result.kind === 'malformed') return mayConstrainNames(derOf(issuer));
  const { nameConstraints } = result.fields;
  return nameConstraints !== 'absent' && !permitsReference(nameConstraints, name, budget);
}
