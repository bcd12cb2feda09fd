/** Where our verdict is meant to differ from OpenSSL's, each with the standard that says so. */
import { limits } from '../../../src/dane/limits';
import type { TlsaRecord } from '../../../src/dane/types';
import type { DaneVerdict } from '../../../src/dane/verify';
import { recordText } from '../../../src/dane/explain';
import type { OracleCase } from './compare';
import type { OpensslVerdict } from './openssl';

interface Difference {
  /** What differs, and the section that asks for our side of it. */
  readonly name: string;
  readonly applies: (oracleCase: OracleCase, ours: DaneVerdict, theirs: OpensslVerdict) => boolean;
}

const differences: readonly Difference[] = [
  {
    name: 'anyExtendedKeyUsage includes TLS servers (RFC 5280 section 4.2.1.12); OpenSSL 3.0 wants serverAuth itself',
    applies: ({ world }, ours, theirs) =>
      world.kind === 'purpose: leaf for any' &&
      usageOf(ours) === 2 &&
      /unsuitable certificate purpose/.test(theirs.text),
  },
  {
    name: 'a wildcard is the whole left-most label (RFC 7672 section 3.2.3, RFC 9525 section 6.3); OpenSSL takes parts of one',
    applies: ({ world }, ours) =>
      world.kind === 'name: partial wildcard' && refusedFor(ours, 'certificate-host-mismatch', /valid, but/),
  },
  {
    name: 'a certificate does not stand for a name that a CA above it excludes, nor for one beside those permitted (RFC 5280 section 4.2.1.10; Go, webpki and BoringSSL alike); OpenSSL holds only the wildcard itself against the constraint',
    applies: ({ world }, ours, theirs) =>
      /^constraints: name excluded.* below a wildcard/.test(world.kind) &&
      refusedFor(
        ours,
        'validation-failure',
        /may not stand for mx\.example\.com: .* does not permit that name/,
      ) &&
      /matched TA certificate/.test(theirs.text),
  },
  {
    name: 'an excluded name is read as it must have been meant, or excludes everything (RFC 5280 section 4.2.1.10: process it, or reject the certificate); OpenSSL compares the letters',
    applies: ({ world }, ours, theirs) =>
      /^constraints: (name excluded with a|everything excluded, with a) (dot|wildcard|partial wildcard)/.test(
        world.kind,
      ) &&
      refusedFor(ours, 'validation-failure', /has a name \(mx\.example\.com\) that .* does not permit/) &&
      /matched TA certificate/.test(theirs.text),
  },
  {
    name: 'text that is not ASCII makes a dNSName, and the certificate, malformed (RFC 5280 section 4.2.1.6); OpenSSL does not look at names that it does not need',
    applies: ({ world }, ours, theirs) =>
      world.kind === 'name: text that is not ASCII beside it' &&
      refusedFor(
        ours,
        'validation-failure',
        /cannot be read \(subjectAltName: a dNSName with text that is not ASCII/,
      ) &&
      /matched TA certificate/.test(theirs.text),
  },
  {
    name: 'the dates of an anchor count whether it is self-issued or not (RFC 5280 section 6.1 leaves it open); OpenSSL looks at those of self-issued anchors only',
    applies: ({ world }, ours, theirs) =>
      world.kind.startsWith('dates: intermediate') &&
      refusedFor(ours, 'certificate-expired', /at depth 1 expired/) &&
      /matched TA certificate at depth 1/.test(theirs.text),
  },
  {
    name: 'a path has at most sixteen certificates (no standard asks for more; the peer chooses our work)',
    applies: ({ world }, ours, theirs) =>
      world.kind === 'sent: thirty intermediates' &&
      refusedFor(ours, 'certificate-not-trusted', /its chain is longer than the 16 certificates/) &&
      Number(/at depth (\d+)/.exec(theirs.text)?.[1]) >= limits.pathLength,
  },
  {
    name: 'of what a peer sends, 32 certificates are looked at (no standard asks for more; the peer chooses our work)',
    applies: ({ world, records }, ours, theirs) =>
      world.kind === 'sent: the anchor behind forty strangers' &&
      refusedFor(
        ours,
        'certificate-not-trusted',
        /sent 41 certificates above its own, and only the first 32/,
      ) &&
      records.some(({ usage }) => usage === 2) &&
      /matched TA certificate/.test(theirs.text),
  },
  {
    name: 'a published bare key is the anchor by itself (RFC 7671 section 5.2.3); OpenSSL also judges a certificate for it where the peer sends one, which the peer may as well leave out',
    applies: ({ world: { sent } }, ours, theirs) =>
      ours.kind === 'authenticated' &&
      recordText(ours.record).startsWith('2 1 0 ') &&
      sent.some(({ key }, depth) => depth === ours.depth && key.spki.equals(ours.record.data)) &&
      /unhandled critical extension|expired|key usage|not yet valid|purpose|invalid CA|too weak|too small|path length|subtree|issuer/.test(
        theirs.text,
      ),
  },
  {
    name: 'every path is tried (RFC 5280 section 6 asks for a path, RFC 4158 says to go on); OpenSSL follows the first issuer that fits by name',
    applies: ({ world, records }, ours, theirs) =>
      usageOf(ours) === 2 &&
      (world.kind.startsWith('cross-signed') || records.some(carriesCertificate)) &&
      /unsuitable certificate purpose|expired|self-signed certificate in|signature failure|unable to get/.test(
        theirs.text,
      ),
  },
  {
    name: 'a record of usage 0 is unusable for SMTP, and so is the certificate in it (RFC 7672 section 3.1.3); OpenSSL builds paths with it',
    applies: ({ records }, ours, theirs) =>
      usageOf(ours) === 2 &&
      records.some(({ usage, selector, matchingType }) => usage + selector + matchingType === 0) &&
      /signature failure/.test(theirs.text),
  },
  {
    name: 'a certificate that names two signature algorithms is malformed (RFC 5280 section 4.1.1.2); OpenSSL does not look at those of an anchor',
    applies: ({ records }, ours, theirs) =>
      records.some(carriesCertificate) &&
      refusedFor(ours, 'validation-failure', /two signature algorithms/) &&
      /^2 0 0 .*matched TA/.test(theirs.text),
  },
];

function carriesCertificate({ usage, selector, matchingType }: TlsaRecord): boolean {
  return usage === 2 && selector === 0 && matchingType === 0;
}

/** The name of the difference that explains these two verdicts. */
export function intendedDifference(...args: Parameters<Difference['applies']>): string | undefined {
  return differences.find(({ applies }) => applies(...args))?.name;
}

function usageOf(verdict: DaneVerdict): number | undefined {
  return verdict.kind === 'authenticated' ? verdict.record.usage : undefined;
}

function refusedFor(verdict: DaneVerdict, reason: string, text: RegExp): boolean {
  return verdict.kind === 'refused' && verdict.reason === reason && text.test(verdict.text);
}
