/** Kinds of sessions, each with a domain of its own, and what its report is to say of them. */
import type { DomainSpec } from '../../../haraka-test-harness/world';

/** What is counted at a host: connections on which STARTTLS was tried, those on which it was not, or messages that were not tried. */
export type CountedAt = 'tried' | 'plain' | 'messages';

export interface Expected {
  readonly type: 'sts' | 'tlsa' | 'no-policy-found';
  /** The policy domain where it is not the domain itself. */
  readonly of?: string;
  /** `success`, a result type, or one with its reason code: `validation-failure/tls-handshake-failed`. */
  readonly result: string;
  readonly count: CountedAt;
  /** Where it is counted; `mx.<domain>` where absent. */
  readonly at?: string;
}

export interface Kind {
  /** The managed domain that sends, which says at which level. */
  readonly from: string;
  readonly spec: DomainSpec;
  /** Empty: no report, or none about these sessions. */
  readonly expected: readonly Expected[];
}

/** Managed domains: their default. */
export const senders: Readonly<Record<string, string>> = {
  'auto.ours.example': 'security_level = auto',
  'dane.ours.example': 'security_level = opportunistic_dane',
  'onlydane.ours.example': 'security_level = mandatory_dane',
  'sts.ours.example': 'security_level = mta_sts',
  'may.ours.example': 'security_level = opportunistic\ntls_reports = on',
  'must.ours.example': 'security_level = mandatory\ntls_reports = on',
  'must13.ours.example': 'security_level = mandatory\nmin_tls_version = 1.3\ntls_reports = on',
  'verify.ours.example': 'security_level = verify\ntls_reports = on',
  'silent.ours.example': 'security_level = auto\ntls_reports = off',
  'usual.ours.example': 'security_level = mandatory',
  'failures.ours.example': 'security_level = auto\ntls_reports = failures_only',
  'watch.ours.example': 'security_level = auto\nenforcement = monitor',
  'never.ours.example': 'security_level = auto\ncleartext_fallback = never',
};

const auto = 'auto.ours.example';
const good: Expected = { type: 'no-policy-found', result: 'success', count: 'tried' };
const sts = (result: string, count: CountedAt = 'tried'): Expected => ({ type: 'sts', result, count });
const testing = { policy: { mode: 'testing' } } as const;
const enforce = { policy: { mode: 'enforce' } } as const;
const mx = (host: NonNullable<Exclude<DomainSpec['mx'], 'null'>>[number]): DomainSpec => ({ mx: [host] });
const handshakeFailed = 'validation-failure/tls-handshake-failed';

/** By a word that becomes the domain `<word>.example`. */
export const kinds: Readonly<Record<string, Kind>> = {
  // no policy
  plain: { from: auto, spec: {}, expected: [good] },
  cleartext: { from: auto, spec: mx({ behaviour: 'no-starttls' }), expected: [] },
  'self-signed': { from: auto, spec: mx({ certificate: 'self-signed' }), expected: [good] },
  'old-tls': { from: auto, spec: mx({ tls: { min: 'TLSv1', max: 'TLSv1.1' } }), expected: [good] },
  'handshake-close': {
    from: auto,
    spec: mx({ behaviour: 'handshake-close' }),
    expected: [{ ...good, result: handshakeFailed }],
  },
  'handshake-garbage': {
    from: auto,
    spec: mx({ behaviour: 'handshake-garbage' }),
    expected: [{ ...good, result: handshakeFailed }],
  },
  'starttls-454': {
    from: auto,
    spec: mx({ behaviour: 'starttls-454' }),
    expected: [{ ...good, result: 'starttls-not-supported' }],
  },
  'starttls-554': {
    from: auto,
    spec: mx({ behaviour: 'starttls-554' }),
    expected: [{ ...good, result: 'starttls-not-supported' }],
  },
  'starttls-injected': {
    from: auto,
    spec: mx({ behaviour: 'starttls-injected' }),
    expected: [{ ...good, result: handshakeFailed }],
  },
  'starttls-close': {
    from: auto,
    spec: mx({ behaviour: 'starttls-close' }),
    expected: [{ ...good, result: handshakeFailed }],
  },
  'banner-554': { from: auto, spec: mx({ behaviour: 'banner-554' }), expected: [] },
  'banner-close': { from: auto, spec: mx({ behaviour: 'banner-close' }), expected: [] },
  'rcpt-550': { from: auto, spec: mx({ behaviour: 'rcpt-550' }), expected: [good] },
  'message-451': { from: auto, spec: mx({ behaviour: 'message-451' }), expected: [good] },
  'never-cleartext': {
    from: 'never.ours.example',
    spec: mx({ behaviour: 'no-starttls' }),
    expected: [{ ...good, result: 'starttls-not-supported', count: 'plain' }],
  },
  // levels that look at no policy
  may: { from: 'may.ours.example', spec: {}, expected: [good] },
  must: { from: 'must.ours.example', spec: {}, expected: [good] },
  'must-cleartext': {
    from: 'must.ours.example',
    spec: mx({ behaviour: 'no-starttls' }),
    expected: [{ ...good, result: 'starttls-not-supported', count: 'plain' }],
  },
  'must-old': {
    from: 'must13.ours.example',
    spec: mx({ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }),
    expected: [{ ...good, result: 'validation-failure/tls-version-too-low' }],
  },
  verified: { from: 'verify.ours.example', spec: {}, expected: [good] },
  'verify-name': {
    from: 'verify.ours.example',
    spec: mx({ certificate: 'wrong-name' }),
    expected: [{ ...good, result: 'certificate-host-mismatch' }],
  },
  // who is not to be told
  silent: { from: 'silent.ours.example', spec: {}, expected: [] },
  usual: { from: 'usual.ours.example', spec: {}, expected: [] },
  'failures-none': { from: 'failures.ours.example', spec: {}, expected: [] },
  'failures-some': {
    from: 'failures.ours.example',
    spec: { mx: [{ certificate: 'expired' }], sts: enforce },
    expected: [sts('certificate-expired')],
  },
  // MTA-STS
  'sts-good': { from: auto, spec: { sts: enforce }, expected: [sts('success')] },
  'sts-level': { from: 'sts.ours.example', spec: { sts: enforce }, expected: [sts('success')] },
  'sts-expired': {
    from: auto,
    spec: { mx: [{ certificate: 'expired' }], sts: enforce },
    expected: [sts('certificate-expired')],
  },
  'sts-name': {
    from: auto,
    spec: { mx: [{ certificate: 'wrong-name' }], sts: enforce },
    expected: [sts('certificate-host-mismatch')],
  },
  'sts-untrusted': {
    from: auto,
    spec: { mx: [{ certificate: 'untrusted' }], sts: enforce },
    expected: [sts('certificate-not-trusted')],
  },
  'sts-cleartext': {
    from: auto,
    spec: { mx: [{ behaviour: 'no-starttls' }], sts: enforce },
    expected: [sts('starttls-not-supported', 'plain')],
  },
  'sts-not-named': {
    from: auto,
    spec: { sts: { policy: { mode: 'enforce', mx: ['mx.elsewhere.example'] } } },
    expected: [sts('validation-failure/mx-not-in-policy', 'messages')],
  },
  'sts-mode-none': { from: auto, spec: { sts: { policy: { mode: 'none' } } }, expected: [good] },
  'sts-testing': { from: auto, spec: { sts: testing }, expected: [sts('success')] },
  'sts-testing-self': {
    from: auto,
    spec: { mx: [{ certificate: 'self-signed' }], sts: testing },
    expected: [sts('certificate-not-trusted')],
  },
  'sts-testing-cleartext': {
    from: auto,
    spec: { mx: [{ behaviour: 'no-starttls' }], sts: testing },
    expected: [sts('starttls-not-supported', 'plain')],
  },
  'sts-testing-not-named': {
    from: auto,
    spec: { sts: { policy: { mode: 'testing', mx: ['mx.elsewhere.example'] } } },
    expected: [sts('validation-failure/mx-not-in-policy')],
  },
  'sts-testing-handshake': {
    from: auto,
    spec: { mx: [{ behaviour: 'handshake-close' }], sts: testing },
    expected: [sts(handshakeFailed)],
  },
  'sts-unfetchable': {
    from: auto,
    spec: { sts: { ...enforce, behaviour: 'not-found' } },
    expected: [sts('sts-policy-fetch-error')],
  },
  'sts-invalid': {
    from: auto,
    spec: { sts: { policy: 'version: STSv1\r\nmode: strict\r\n' } },
    expected: [sts('sts-policy-invalid')],
  },
  'sts-webpki': {
    from: auto,
    spec: { sts: { ...enforce, certificate: 'self-signed' } },
    expected: [sts('sts-webpki-invalid')],
  },
  'sts-watched': {
    from: 'watch.ours.example',
    spec: { mx: [{ certificate: 'expired' }], sts: enforce },
    expected: [sts('certificate-expired')],
  },
  // DANE
  'dane-good': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    expected: [{ type: 'tlsa', of: 'mx.dane-good.example', result: 'success', count: 'tried' }],
  },
  'dane-level': {
    from: 'dane.ours.example',
    spec: { dnssec: 'secure', mx: [{ tlsa: ['match'] }] },
    expected: [{ type: 'tlsa', of: 'mx.dane-level.example', result: 'success', count: 'tried' }],
  },
  'dane-mismatch': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
    expected: [
      { type: 'tlsa', of: 'mx.dane-mismatch.example', result: 'certificate-not-trusted', count: 'tried' },
    ],
  },
  'dane-unusable': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ tlsa: ['unusable'] }] },
    expected: [{ type: 'tlsa', of: 'mx.dane-unusable.example', result: 'tlsa-invalid', count: 'tried' }],
  },
  'dane-cleartext': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ behaviour: 'no-starttls', tlsa: ['match'] }] },
    expected: [
      { type: 'tlsa', of: 'mx.dane-cleartext.example', result: 'starttls-not-supported', count: 'plain' },
    ],
  },
  'dane-bogus': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ tlsa: ['match'], lookups: { TLSA: 'bogus' } }] },
    expected: [{ type: 'tlsa', of: 'mx.dane-bogus.example', result: 'dnssec-invalid', count: 'messages' }],
  },
  'dane-unanswered': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ tlsa: ['match'], lookups: { TLSA: 'servfail' } }] },
    expected: [],
  },
  'dane-none': {
    from: 'onlydane.ours.example',
    spec: { dnssec: 'secure' },
    expected: [{ type: 'tlsa', of: 'mx.dane-none.example', result: 'dane-required', count: 'messages' }],
  },
  'dane-before-sts': {
    from: auto,
    spec: { dnssec: 'secure', mx: [{ tlsa: ['match'] }], sts: enforce },
    expected: [{ type: 'tlsa', of: 'mx.dane-before-sts.example', result: 'success', count: 'tried' }],
  },
  // both
  'both-good': {
    from: auto,
    spec: { mx: [{ host: 'mx.both-good-signed.example', dnssec: 'secure', tlsa: ['match'] }], sts: enforce },
    expected: [
      {
        type: 'tlsa',
        of: 'mx.both-good-signed.example',
        result: 'success',
        count: 'tried',
        at: 'mx.both-good-signed.example',
      },
      { ...sts('success'), at: 'mx.both-good-signed.example' },
    ],
  },
  'both-half': {
    from: auto,
    spec: {
      mx: [
        {
          host: 'mx.both-half-signed.example',
          dnssec: 'secure',
          certificate: 'self-signed',
          tlsa: ['match'],
        },
      ],
      sts: testing,
    },
    expected: [
      {
        type: 'tlsa',
        of: 'mx.both-half-signed.example',
        result: 'success',
        count: 'tried',
        at: 'mx.both-half-signed.example',
      },
      { ...sts('certificate-not-trusted'), at: 'mx.both-half-signed.example' },
    ],
  },
  // several hosts
  'two-hosts': {
    from: auto,
    spec: {
      mx: [
        { host: 'mx1.two-hosts.example', certificate: 'expired', preference: 10 },
        { host: 'mx2.two-hosts.example', preference: 20 },
      ],
      sts: enforce,
    },
    expected: [
      { ...sts('certificate-expired'), at: 'mx1.two-hosts.example' },
      { ...sts('success'), at: 'mx2.two-hosts.example' },
    ],
  },
};
