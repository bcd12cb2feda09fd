/** The DANE table, row by row, through a real Haraka: opportunistic_dane, mandatory_dane and auto. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { DomainSpec, MxSpec } from '../../../haraka-test-harness/world';

const sound: MxSpec = { certificate: 'self-signed', tlsa: ['match'] };

/** What becomes of a message: how the peer was verified, or why it was deferred. */
type Expected = string;

interface Row {
  readonly peer: DomainSpec;
  readonly opportunistic: Expected;
  readonly mandatory: Expected;
  readonly auto: Expected;
}

const same = (expected: Expected) => ({ opportunistic: expected, mandatory: expected, auto: expected });
/** DANE does not apply. The self-signed certificate proves that nobody looked at it. */
const doesNotApply = {
  opportunistic: 'unauthenticated',
  mandatory: 'dane-required',
  auto: 'unauthenticated',
};

const rows: Record<string, Row> = {
  'mx-lookup-failed': {
    peer: { dnssec: 'secure', lookups: { MX: 'servfail' }, mx: [sound] },
    ...same('dns-lookup-failed'),
  },
  'mx-lookup-refused': {
    peer: { dnssec: 'secure', lookups: { MX: 'refused' }, mx: [sound] },
    ...same('dns-lookup-failed'),
  },
  'mx-bogus': {
    peer: { dnssec: 'secure', lookups: { MX: 'bogus' }, mx: [sound] },
    ...same('dnssec-invalid'),
  },
  'mx-insecure-usable': {
    peer: { dnssec: 'insecure', mx: [{ ...sound, dnssec: 'secure' }] },
    opportunistic: 'dane 3 1 1',
    mandatory: 'dane-required',
    auto: 'dane 3 1 1',
  },
  'mx-insecure-absent': {
    peer: { dnssec: 'insecure', mx: [{ certificate: 'self-signed', dnssec: 'secure' }] },
    ...doesNotApply,
  },
  'address-insecure': { peer: { dnssec: 'secure', mx: [{ ...sound, dnssec: 'insecure' }] }, ...doesNotApply },
  // Asked although the address is insecure, a TLSA lookup that fails would hold good mail up.
  'address-insecure-tlsa-servfail': {
    peer: { dnssec: 'secure', mx: [{ ...sound, dnssec: 'insecure', lookups: { TLSA: 'servfail' } }] },
    ...doesNotApply,
  },
  'secure-alias-into-insecure-zone': {
    peer: {
      dnssec: 'secure',
      mx: [{ ...sound, alias: { target: 'mail.provider.example', dnssec: 'insecure' } }],
    },
    ...same('dane 3 1 1'),
  },
  'alias-secure-throughout': {
    peer: {
      dnssec: 'secure',
      mx: [
        {
          certificate: 'self-signed',
          alias: { target: 'mail.signed-provider.example', dnssec: 'secure', tlsa: ['match'] },
        },
      ],
    },
    ...same('dane 3 1 1'),
  },
  'no-address': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { A: 'servfail', AAAA: 'servfail' } }] },
    ...same('dns-lookup-failed'),
  },
  'tlsa-nodata': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { TLSA: 'nodata' } }] },
    ...doesNotApply,
  },
  'tlsa-nxdomain': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { TLSA: 'nxdomain' } }] },
    ...doesNotApply,
  },
  'tlsa-insecure': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { TLSA: 'insecure' } }] },
    ...doesNotApply,
  },
  'tlsa-servfail': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { TLSA: 'servfail' } }] },
    ...same('dns-lookup-failed'),
  },
  'tlsa-bogus': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { TLSA: 'bogus' } }] },
    ...same('dnssec-invalid'),
  },
  'tlsa-timeout': {
    peer: { dnssec: 'secure', mx: [{ ...sound, lookups: { TLSA: 'timeout' } }] },
    ...same('dns-lookup-failed'),
  },
  'none-usable': {
    peer: { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['unusable'] }] },
    opportunistic: 'unauthenticated',
    mandatory: 'tlsa-invalid',
    auto: 'unauthenticated',
  },
  'none-usable-no-starttls': {
    peer: { dnssec: 'secure', mx: [{ behaviour: 'no-starttls', tlsa: ['unusable'] }] },
    opportunistic: 'starttls-not-supported',
    mandatory: 'tlsa-invalid',
    auto: 'starttls-not-supported',
  },
  'usable-matches': { peer: { dnssec: 'secure', mx: [sound] }, ...same('dane 3 1 1') },
  'usable-matches-anchor': {
    peer: { dnssec: 'secure', mx: [{ certificate: 'private-ca', tlsa: ['match-ta'] }] },
    ...same('dane 2 0 1'),
  },
  // Node hands out a chain once; the renegotiated session is the one that was verified.
  'usable-matches-anchor-renegotiated': {
    peer: {
      dnssec: 'secure',
      mx: [
        {
          certificate: 'private-ca',
          tlsa: ['match-ta'],
          tls: { min: 'TLSv1.2', max: 'TLSv1.2' },
          behaviour: { starttls: { do: 'upgrade', text: '220 go\r\n', handshake: 'then_renegotiate' } },
        },
      ],
    },
    ...same('dane 2 0 1'),
  },
  'usable-mismatch': {
    peer: { dnssec: 'secure', mx: [{ certificate: 'trusted', tlsa: ['mismatch'] }] },
    ...same('certificate-not-trusted'),
  },
  'usable-no-starttls': {
    peer: { dnssec: 'secure', mx: [{ ...sound, behaviour: 'no-starttls' }] },
    ...same('starttls-not-supported'),
  },
  'implicit-secure': { peer: { dnssec: 'secure', implicit: sound }, ...same('dane 3 1 1') },
  'implicit-insecure': { peer: { dnssec: 'insecure', implicit: sound }, ...doesNotApply },
  // Another's policy must not rescue what DANE refuses.
  'mismatch-with-policy': {
    peer: {
      dnssec: 'secure',
      mx: [{ certificate: 'trusted', tlsa: ['mismatch'] }],
      sts: { policy: { mode: 'enforce' } },
    },
    ...same('certificate-not-trusted'),
  },
  'absent-with-policy': {
    peer: { dnssec: 'secure', mx: [{ certificate: 'trusted' }], sts: { policy: { mode: 'enforce' } } },
    opportunistic: 'unauthenticated',
    mandatory: 'dane-required',
    auto: 'pkix',
  },
  'insecure-mx-with-policy': {
    peer: {
      mx: [{ dnssec: 'secure', certificate: 'trusted', tlsa: ['match'] }],
      sts: { policy: { mode: 'enforce' } },
    },
    opportunistic: 'dane 3 1 1',
    mandatory: 'dane-required',
    auto: 'dane 3 1 1 and pkix',
  },
};

/** Two hosts, of which the first cannot be used. */
const second: Record<string, { first: MxSpec; verified: string }> = {
  'tlsa-servfail': { first: { ...sound, lookups: { TLSA: 'servfail' } }, verified: 'dane 3 1 1' },
  'tlsa-mismatch': { first: { certificate: 'trusted', tlsa: ['mismatch'] }, verified: 'dane 3 1 1' },
  'no-starttls': { first: { ...sound, behaviour: 'no-starttls' }, verified: 'dane 3 1 1' },
};

const senders = { opportunistic: 'may.example', mandatory: 'must.example', auto: 'auto.example' } as const;

describe('the DANE table', () => {
  let lab: Lab;

  beforeAll(async () => {
    const domains: Record<string, DomainSpec> = {};
    for (const [name, { peer }] of Object.entries(rows)) domains[`${name}.example`] = peer;
    for (const [name, { first }] of Object.entries(second)) {
      domains[`second-${name}.example`] = {
        dnssec: 'secure',
        mx: [
          { ...first, host: `mx1.second-${name}.example`, preference: 10 },
          { ...sound, host: `mx2.second-${name}.example`, preference: 20 },
        ],
      };
    }
    domains['all-fail.example'] = {
      dnssec: 'secure',
      mx: [
        { ...sound, host: 'mx1.all-fail.example', lookups: { TLSA: 'bogus' } },
        { host: 'mx2.all-fail.example', preference: 20, behaviour: 'no-starttls', tlsa: ['match'] },
      ],
    };
    lab = await startLab(
      { domains },
      {
        resolver: { timeout: '1', deadline: '2' },
        config: {
          'tls-peers/may.example.ini': '[outbound]\nsecurity_level = opportunistic_dane\n',
          'tls-peers/must.example.ini': '[outbound]\nsecurity_level = mandatory_dane\n',
          'tls-peers/auto.example.ini': '[outbound]\nsecurity_level = auto\n',
          'tls-peers/unsigned.example.ini':
            '[outbound]\nsecurity_level = opportunistic_dane\ninsecure_mx = may\n',
        },
      },
    );
  });
  afterAll(() => lab.stop());

  async function outcome(sender: string, peer: string): Promise<string> {
    const { status, summary } = await lab.deliver(
      { from: `a@${sender}`, to: `b@${peer}.example` },
      { timeoutMs: 15_000 },
    );
    if (status === 'delivered') return String(summary?.verified);
    const [reason] = summary?.reasons as { reason: string }[];
    return reason?.reason ?? status;
  }

  test.each(Object.keys(rows))('%s', async (name) => {
    const { opportunistic, mandatory, auto } = rows[name]!;
    const seen = await Promise.all([
      outcome(senders.opportunistic, name),
      outcome(senders.mandatory, name),
      outcome(senders.auto, name),
    ]);
    expect(seen).toEqual([opportunistic, mandatory, auto]);
  });

  it.each([
    ['the MX host', 'usable-matches', 'mx.usable-matches.example', 'mx.usable-matches.example'],
    [
      'its expansion where the alias is secure throughout',
      'alias-secure-throughout',
      'mx.alias-secure-throughout.example',
      'mail.signed-provider.example',
    ],
    [
      'the MX host where the alias leads into an insecure zone',
      'secure-alias-into-insecure-zone',
      'mx.secure-alias-into-insecure-zone.example',
      'mx.secure-alias-into-insecure-zone.example',
    ],
  ])('names %s in SNI: the TLSA base domain', async (_what, name, host, serverName) => {
    await outcome(senders.mandatory, name);
    expect(lab.peer(host).connections.at(-1)?.tls).toMatchObject({ kind: 'established', sni: serverName });
  });

  it('does not apply behind an insecure MX where the rule says insecure_mx = may', async () => {
    expect(await outcome('unsigned.example', 'mx-insecure-usable')).toBe('unauthenticated');
    expect(await outcome('unsigned.example', 'usable-matches')).toBe('dane 3 1 1');
  });

  it.each(Object.keys(second))('goes on to the second host after %s at the first', async (name) => {
    const peer = `second-${name}`;
    for (const sender of Object.values(senders)) expect(await outcome(sender, peer)).toBe('dane 3 1 1');
    expect(lab.peer(`mx1.${peer}.example`).messages).toEqual([]);
    expect(lab.peer(`mx2.${peer}.example`).messages).toHaveLength(3);
  });

  it('sends nothing in cleartext where every host fails, and the DSN says why', async () => {
    const { status, recipients, error } = await lab.deliver({
      from: 'a@may.example',
      to: 'b@all-fail.example',
    });
    expect(status).toBe('deferred');
    expect(recipients).toMatchObject([{ dsn_status: '4.7.5', dsn_action: 'delayed' }]);
    expect(error).toMatch(
      /mx1\.all-fail\.example: dnssec-invalid: .*mx2\.all-fail\.example .*: starttls-not-supported/,
    );
    for (const peer of [lab.peer('mx1.all-fail.example'), lab.peer('mx2.all-fail.example')]) {
      for (const { cleartext } of peer.connections) expect(cleartext).toMatch(/^(?:EHLO \S+\r\n|QUIT\r\n)*$/);
    }
  });
});
