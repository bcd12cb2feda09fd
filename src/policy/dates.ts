/** Which certificate of a chain is outside its dates. OpenSSL says only that one is. */
import type { X509Certificate } from 'node:crypto';
import { utcDay } from '../peers/day';
import { printable } from '../text';

export type DateFault = 'CERT_HAS_EXPIRED' | 'CERT_NOT_YET_VALID';

/** @param chain as the peer sent it, the leaf first; what does not lead up from the leaf is passed over */
export function datesText(chain: readonly X509Certificate[], fault: DateFault, now: Date): string {
  const path = pathFrom(chain);
  const depth = path.findIndex((certificate) => isOutside(certificate, fault, now));
  const found = path[depth];
  if (found === undefined) {
    const what = fault === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return `the certificate of an issuer, not sent by the peer, ${what}, ${byClock(now)}`;
  }
  const when =
    fault === 'CERT_HAS_EXPIRED'
      ? `expired on ${utcDay(new Date(found.validTo))}`
      : `is not valid before ${utcDay(new Date(found.validFrom))}`;
  return `${nameOf(found, depth)} ${when}, ${byClock(now)}`;
}

/** Where it is the clock that is wrong, every peer fails at once, and nothing else would tell. */
function byClock(now: Date): string {
  return `by this machine's clock (${now.toISOString().slice(0, 16)}Z)`;
}

/**
 * A certificate of a chain, for people.
 *
 * @param depth 0 for the leaf
 */
export function nameOf(certificate: X509Certificate, depth: number): string {
  return `${depth === 0 ? "the peer's certificate" : 'the certificate of an issuer'} (${subjectOf(certificate)})`;
}

function isOutside(certificate: X509Certificate, fault: DateFault, now: Date): boolean {
  return fault === 'CERT_HAS_EXPIRED'
    ? Date.parse(certificate.validTo) < now.getTime()
    : Date.parse(certificate.validFrom) > now.getTime();
}

/** From the leaf to each certificate that names itself as the issuer of the one before. */
function pathFrom(chain: readonly X509Certificate[]): X509Certificate[] {
  const path = chain.slice(0, 1);
  for (let last = path[0]; last !== undefined; last = path.at(-1)) {
    const child = last;
    const issuer = chain.find((one) => !path.includes(one) && child.checkIssued(one));
    if (issuer === undefined) break;
    path.push(issuer);
  }
  return path;
}

/** On one line: Node writes each attribute on a line of its own. */
export function subjectOf({ subject }: X509Certificate): string {
  return printable(subject.split('\n').reverse().join(', ') || 'without a subject');
}
