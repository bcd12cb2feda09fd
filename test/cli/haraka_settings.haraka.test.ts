/** Haraka's own TLS settings beside rules: what `test` and `explain` say of them is what Haraka then does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HarakaOptions } from '../../haraka-test-harness/haraka';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import type { DomainSpec, MxSpec } from '../../haraka-test-harness/world';
import type { DeliverySummary } from '../../src/delivery/summary';
import { callIn } from './lab_call';

interface Peer {
  readonly rule: string;
  readonly mx?: MxSpec;
  /** The outcome, TLS version and verification, or the reason; then how the requirement begins that is printed. */
  readonly expected: readonly [fate: string, requirement: RegExp];
}

interface Case {
  readonly what: string;
  readonly options: HarakaOptions;
  readonly peers: Readonly<Record<string, Peer>>;
}

const tls12: MxSpec = { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } };
const may = /^TLS if offered/;
const must = /^TLSv1\.2 or newer, no authentication \(mandatory\)/;
const forced = /^TLSv1\.2 or newer, PKIX for mx\.\S+ \(force_tls_hosts\)/;

const cases: readonly Case[] = [
  {
    what: 'force_tls_hosts, no_tls_hosts and minVersion',
    options: {
      config: {
        'tls.ini': `[main]
minVersion = TLSv1.3
force_tls_hosts[] = forced-domain.example
force_tls_hosts[] = mx.forced-host.example
[outbound]
no_tls_hosts[] = exempt.example
no_tls_hosts[] = mx.exempt-host.example
no_tls_hosts[] = exempt-must.example
`,
      },
    },
    peers: {
      'forced-domain.example': {
        rule: 'may',
        mx: { certificate: 'self-signed' },
        expected: ['deferred certificate-not-trusted', forced],
      },
      'forced-host.example': { rule: 'may', expected: ['delivered TLSv1.3 pkix', forced] },
      'exempt.example': { rule: 'may', expected: ['delivered in cleartext', /^cleartext \(no_tls_hosts\)/] },
      'exempt-host.example': {
        rule: 'may',
        mx: { behaviour: 'handshake-silence' },
        expected: ['delivered in cleartext', /^cleartext \(no_tls_hosts\)/],
      },
      'exempt-must.example': { rule: 'mandatory', expected: ['delivered TLSv1.3 unauthenticated', must] },
      'old.example': { rule: 'may', mx: tls12, expected: ['delivered in cleartext', may] },
      'old-must.example': { rule: 'mandatory', mx: tls12, expected: ['deferred tls-version-too-low', must] },
      'no-ehlo.example': {
        rule: 'may',
        mx: { behaviour: 'ehlo-502' },
        expected: ['delivered in cleartext', may],
      },
      'no-ehlo-must.example': {
        rule: 'mandatory',
        mx: { behaviour: 'ehlo-502' },
        expected: ['deferred starttls-not-supported', must],
      },
    },
  },
  {
    what: 'ciphers that a peer does not share',
    options: { config: { 'tls.ini': '[outbound]\nciphers = ECDHE-RSA-AES128-GCM-SHA256\n' } },
    peers: {
      // Its key is ECDSA, which only matters up to TLS 1.2.
      'old.example': { rule: 'mandatory', mx: tls12, expected: ['deferred tls-handshake-failed', must] },
      'new.example': { rule: 'mandatory', expected: ['delivered TLSv1.3 unauthenticated', must] },
    },
  },
  {
    what: 'maxVersion',
    options: { config: { 'tls.ini': '[outbound]\nmaxVersion = TLSv1.2\n' } },
    peers: {
      'new.example': { rule: 'mandatory', expected: ['delivered TLSv1.2 unauthenticated', must] },
      'newer-wanted.example': {
        rule: 'mandatory\nmin_tls_version = 1.3',
        expected: ['deferred config-invalid', /^TLSv1\.3 or newer, no authentication \(mandatory\)/],
      },
    },
  },
  {
    what: 'ciphers that OpenSSL does not know',
    options: { config: { 'tls.ini': '[outbound]\nciphers = NO-SUCH-CIPHER\n' } },
    peers: {
      'must.example': { rule: 'mandatory', expected: ['deferred config-invalid', must] },
      'may.example': { rule: 'may', expected: ['delivered in cleartext', may] },
    },
  },
  {
    what: 'enable_tls = false',
    options: { outbound: { enable_tls: 'false' } },
    peers: {
      'must.example': {
        rule: 'mandatory',
        expected: ['deferred config-invalid', /^config-invalid: outbound\.ini says enable_tls = false/],
      },
      'may.example': {
        rule: 'may',
        expected: ['delivered in cleartext', /^cleartext \(enable_tls = false\)/],
      },
      'never.example': {
        rule: 'may\ncleartext_fallback = never',
        expected: ['deferred config-invalid', /^config-invalid: outbound\.ini says enable_tls = false/],
      },
    },
  },
];

interface Report {
  readonly domain: string;
  readonly goes: boolean;
  readonly problems: readonly { readonly reason: string }[];
  readonly attempts: readonly {
    readonly verdict: {
      readonly kind: string;
      readonly tlsVersion?: string;
      readonly verified?: string;
      readonly failure?: { readonly reason: string };
    };
  }[];
}

/** What `test` foretells, in the words of the table. */
function foretold({ goes, problems, attempts: [first] }: Report): string {
  if (first === undefined) return `deferred ${problems[0]?.reason}`;
  const { tlsVersion, verified, failure } = first.verdict;
  if (!goes) return `deferred ${failure?.reason}`;
  return tlsVersion === '' ? 'delivered in cleartext' : `delivered ${tlsVersion} ${verified}`;
}

async function happened(lab: Lab, peer: string): Promise<string> {
  const outcome = await lab.deliver({ from: 'me@ours.example', to: `you@${peer}` }, { timeoutMs: 60_000 });
  const { tls_version, verified, reasons } = outcome.summary as unknown as DeliverySummary;
  if (outcome.status !== 'delivered') return `${outcome.status} ${reasons[0]?.reason}`;
  return tls_version === '' ? 'delivered in cleartext' : `delivered ${tls_version} ${verified}`;
}

describe.each(cases)('with $what', ({ options, peers }) => {
  let lab: Lab;
  let reports: readonly Report[];

  beforeAll(async () => {
    const domains = Object.entries(peers).map(([peer, { mx }]): [string, DomainSpec] => [
      peer,
      mx ? { mx: [mx] } : {},
    ]);
    const rules = Object.entries(peers).map(
      ([peer, { rule }]) => `[outbound ${peer}]\nsecurity_level = ${rule}\n`,
    );
    lab = await startLab(
      { domains: Object.fromEntries(domains) },
      { ...options, config: { ...options.config, 'tls-peers/ours.example.ini': rules.join('') } },
    );
    const { out } = await callIn(lab, ['test', '--json', '--from', 'me@ours.example', ...Object.keys(peers)]);
    reports = JSON.parse(out) as Report[];
  }, 60_000);

  afterAll(() => lab.stop());

  test.each(Object.entries(peers))('%s', async (peer, { expected: [fate, requirement] }) => {
    const { out: explained } = await callIn(lab, ['explain', 'me@ours.example', peer]);
    expect(foretold(reports.find(({ domain }) => domain === peer)!)).toBe(fate);
    expect(await happened(lab, peer)).toBe(fate);
    const row = /^(?:try|refuse) +mx\.\S+ +(.*)$/m.exec(explained)?.[1];
    expect(row).toMatch(requirement);
  });
});

test('what of tls.ini takes part in handshakes is printed', async () => {
  const lab = await startLab(
    { domains: { 'peer.example': {} } },
    {
      config: {
        'tls.ini': '[main]\nciphers = ECDHE+AESGCM\nmutual_tls = true\n[outbound]\nminVersion = TLSv1.3\n',
      },
    },
  );
  try {
    for (const command of [
      ['test', 'peer.example'],
      ['explain', '<>', 'peer.example'],
    ]) {
      const { out } = await callIn(lab, command);
      expect(out).toContain(
        'tls.ini: minVersion = TLSv1.3 counts where it is above what the rule asks for\n',
      );
      expect(out).toContain('tls.ini: ciphers = ECDHE+AESGCM\n');
      expect(out).toMatch(/tls\.ini: mutual_tls and mutual_auth_hosts are not imitated/);
    }
  } finally {
    await lab.stop();
  }
});
