/** Whose session a message may use: what its own rule, its recipient's DNS and the certificate say, today. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { chainPem, createCa, issue, selfSigned, type Issued } from '../../../haraka-test-harness/pki';
import type { PeerConnection } from '../../../haraka-test-harness/smtp_peer';
import type { CertificateSpec, HostSpec } from '../../../haraka-test-harness/world';
import type { Rule, Scenario, Stage } from './scenario';
import { clear, left, refused, tls } from './words';

const none: Rule = { security_level: 'none' };
const opportunistic: Rule = { security_level: 'opportunistic' };
const mandatory: Rule = { security_level: 'mandatory' };
const verify: Rule = { security_level: 'verify' };
const dane: Rule = { security_level: 'mandatory_dane' };
const sts: Rule = { security_level: 'mta_sts' };
const version = (min_tls_version: string): Rule => ({ min_tls_version });

const bare: HostSpec = { behaviour: 'no-starttls' };
const daneHost: HostSpec = { tlsa: ['match'] };
const signed: Scenario['domains'] = (mx) => ({
  p: { dnssec: 'secure', mx: [mx] },
  q: { dnssec: 'secure', mx: [mx] },
});
const withPolicy: Scenario['domains'] = (mx) => ({ p: { mx: [mx], sts: {} } });

/** STARTTLS is not offered, and the rule wants it. */
const turnedAway = 'EHLO QUIT';

// --- certificates of one's own ----------------------------------------------------------------------------------------

const ownCa = await createCa({ commonName: 'The CA of one rule' });
const otherCa = await createCa({ commonName: 'The CA of another rule' });

function given(leaf: Issued, ...above: readonly Issued[]): CertificateSpec {
  return { kind: 'given', chainPem: chainPem(leaf, ...above), keyPem: leaf.keyPem };
}

/** Whatever the host is called. */
const anyHost = {
  dnsNames: ['*.example', ...Array.from({ length: 100 }, (_, index) => `mx.patient-${index}.example`)],
};

const ofOwnCa = await issue(ownCa, anyHost);
const fingerprinted = await selfSigned({ commonName: 'known by its fingerprint' });
const fingerprint = createHash('sha256').update(fingerprinted.certDer).digest('hex');

/** Milliseconds: enough for a handshake on a busy machine. */
const shortLife = 9000;

/** Shows a certificate that is valid for a few seconds. @returns when it is not any more */
async function showShortLived({ host, lab, names }: Stage, tlsa: 'published' | 'none'): Promise<number> {
  // Dates of certificates are whole seconds.
  const notAfter = new Date(Math.ceil((Date.now() + shortLife) / 1000) * 1000);
  const leaf = await issue(ownCa, { dnsNames: [names.host], notAfter });
  const certificate = await lab.office.certificate(names.host, {
    kind: 'given',
    chainPem: chainPem(leaf),
    keyPem: leaf.keyPem,
  });
  host.setCertificate(certificate);
  if (tlsa === 'published') {
    lab.dns.set({
      name: `_25._tcp.${names.host}`,
      type: 'TLSA',
      records: [lab.office.tlsa('match', certificate)],
    });
  }
  return notAfter.getTime();
}

const expiries = new Map<string, number>();

const expired = async ({ names }: Stage): Promise<void> => {
  await wait(Math.max(0, (expiries.get(names.host) ?? 0) + 1500 - Date.now()));
};

/** What DNS says is kept for a second. */
const seen = (): Promise<void> => wait(1100);

const caFile = (name: string, ca: Issued) => (): Record<string, string> => ({ [name]: ca.certPem });

const twoRules: readonly Omit<Scenario, 'haraka'>[] = [
  {
    name: 'one sender, one rule: one handshake for all its messages',
    rules: { a: mandatory },
    steps: ['a', 'a', 'a'],
    sessions: [tls(1, 2, 3)],
  },
  {
    name: 'two recipient domains on one MX host share its session',
    speed: 'fast',
    rules: { a: mandatory },
    steps: ['a', 'a q', 'a'],
    sessions: [tls(1, 2, 3)],
  },
  {
    name: 'two managed domains with the same rule share a session',
    rules: { a: mandatory, b: mandatory },
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 2, 3)],
  },
  {
    name: 'verify does not take the session of mandatory, whose handshake was asked for less',
    speed: 'fast',
    rules: { a: mandatory, b: verify },
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'verify does not take a session at security level 0',
    rules: { a: opportunistic, b: verify },
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'a chain that passes at security level 0 is worth nothing to verify',
    rules: { a: opportunistic, b: verify },
    host: { certificate: { kind: 'trusted', key: 'rsa-1024' } },
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred validation-failure' },
  },
  {
    name: 'mandatory does not take the session of opportunistic, which lets older TLS pass',
    rules: { a: opportunistic, b: mandatory },
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'mandatory takes the session of opportunistic where both ask for the same versions',
    rules: { a: { ...opportunistic, ...version('1.2') }, b: mandatory },
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 2, 3)],
  },
  {
    name: 'TLS 1.3 is asked for after TLS 1.2, at a host that has it',
    rules: { a: mandatory, b: { ...mandatory, ...version('1.3') } },
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'TLS 1.3 is asked for after TLS 1.2, at a host that has not',
    rules: { a: mandatory, b: { ...mandatory, ...version('1.3') } },
    host: { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } },
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred tls-version-too-low' },
  },
  {
    name: 'the roots of one rule are not those of another: the other one refuses the host',
    rules: { a: { ...verify, ca_file: 'own.pem' }, b: verify },
    host: { certificate: given(ofOwnCa) },
    files: caFile('own.pem', ownCa),
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred certificate-not-trusted' },
  },
  {
    name: 'the roots of one rule are not those of another: each has a session of its own',
    rules: { a: { ...verify, ca_file: 'own.pem' }, b: { ...verify, ca_file: 'both.pem' } },
    host: { certificate: given(ofOwnCa) },
    files: () => ({ 'own.pem': ownCa.certPem, 'both.pem': `${ownCa.certPem}\n${otherCa.certPem}` }),
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'a fingerprint that the session does not have makes a new one, which does not have it either',
    rules: {
      a: { ...verify, fingerprints: fingerprint },
      b: { ...verify, fingerprints: fingerprint.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) },
    },
    host: { certificate: given(fingerprinted) },
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred certificate-not-trusted' },
  },
  {
    name: 'two rules with the same fingerprint share a session',
    rules: { a: { ...verify, fingerprints: fingerprint }, b: { ...verify, fingerprints: fingerprint } },
    host: { certificate: given(fingerprinted) },
    steps: ['a', 'b'],
    sessions: [tls(1, 2)],
  },
  {
    name: 'what is only observed is observed of a session that stands, too',
    rules: { a: { ...verify, enforcement: 'monitor' } },
    host: { certificate: 'wrong-name' },
    cleartext: 'allowed',
    steps: ['a', 'a', recordedFor(2, 'certificate-host-mismatch')],
    sessions: [tls(1, 2)],
  },
];

/** The summary of this message says what would have failed. */
function recordedFor(number: number, reason: string): (stage: Stage) => Promise<void> {
  return async (stage) => {
    const recorded = (await stage.outcomes())[number]?.summary?.['recorded'];
    const reasons = Array.isArray(recorded) ? recorded.map((one: { reason: string }) => one.reason) : [];
    if (reasons.join(' ') !== reason) throw new Error(`message ${number} recorded ${reasons.join(' ')}`);
  };
}

const cleartext: readonly Omit<Scenario, 'haraka'>[] = [
  {
    name: 'a session in cleartext carries what may go so, and nothing that may not',
    speed: 'fast',
    rules: { a: opportunistic, b: mandatory },
    host: bare,
    cleartext: 'allowed',
    steps: ['a', 'b', 'a'],
    sessions: [clear(1, 3), turnedAway],
    outcomes: { 2: 'deferred starttls-not-supported' },
  },
  {
    name: 'none does not take a session with TLS',
    rules: { a: opportunistic, b: none },
    cleartext: 'allowed',
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3), clear(2, 4)],
  },
  {
    name: 'opportunistic does not take the session of none at a host that offers TLS',
    speed: 'fast',
    rules: { a: none, b: opportunistic },
    cleartext: 'allowed',
    steps: ['a', 'b', 'a', 'b'],
    sessions: [clear(1, 3), tls(2, 4)],
  },
  {
    name: 'none takes the session of opportunistic that came to no TLS',
    rules: { a: opportunistic, b: none },
    host: bare,
    cleartext: 'allowed',
    steps: ['a', 'b', 'a'],
    sessions: [clear(1, 2, 3)],
  },
  {
    name: 'at a host of no_tls_hosts only mail that may go in cleartext does',
    rules: { a: opportunistic, b: mandatory },
    tlsIni: 'no_tls_hosts',
    cleartext: 'allowed',
    steps: ['a', 'b', 'a', 'b'],
    sessions: [clear(1, 3), tls(2, 4)],
  },
  {
    name: 'what was opened without TLS because TLS is broken is for one message',
    rules: { a: opportunistic },
    host: { behaviour: { starttls: { do: 'upgrade', text: '220 go\r\n', handshake: 'close' } } },
    cleartext: 'allowed',
    steps: ['a', 'a'],
    sessions: [left(clear(0)), refused, left(clear(1)), refused, left(clear(2))],
  },
];

const dns: readonly Omit<Scenario, 'haraka'>[] = [
  {
    name: 'DANE: two managed domains share a session that matches the records',
    rules: { a: dane, b: dane },
    host: daneHost,
    domains: signed,
    steps: ['a', 'b', 'a q'],
    sessions: [tls(1, 2, 3)],
  },
  {
    name: 'DANE: a session that does not match the records any more is not used',
    speed: 'fast',
    rules: { a: dane },
    host: daneHost,
    domains: signed,
    steps: [
      'a',
      async (stage) => {
        publish(stage, 'mismatch');
        await seen();
      },
      'a',
      async (stage) => {
        publish(stage, 'match');
        await seen();
      },
      'a',
    ],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred certificate-not-trusted' },
  },
  {
    name: 'DANE: a host that has changed its key gets a new session',
    rules: { a: dane },
    host: daneHost,
    domains: signed,
    steps: [
      'a',
      async (stage) => {
        const { lab, host, names } = stage;
        host.setCertificate(await lab.office.certificate(names.host, 'self-signed'));
        publish(stage, 'match');
        await seen();
      },
      'a',
      'a',
    ],
    sessions: [tls(1), tls(2, 3)],
  },
  {
    name: 'DANE: the records vanish, and mandatory_dane refuses the host without a word to it',
    rules: { a: dane },
    host: daneHost,
    domains: signed,
    steps: [
      'a',
      async ({ lab, names }) => {
        lab.dns.remove(`_25._tcp.${names.host}`, 'TLSA');
        await seen();
      },
      'a',
    ],
    sessions: [tls(1)],
    outcomes: { 2: 'deferred dane-required' },
  },
  {
    name: 'a chain to an anchor of DANE-TA is worth nothing to verify',
    rules: { a: dane, b: verify },
    host: { certificate: 'private-ca', tlsa: ['match-ta'] },
    domains: signed,
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred certificate-not-trusted' },
  },
  {
    name: 'a trusted chain is worth nothing to DANE',
    rules: { a: verify, b: dane },
    host: { tlsa: ['mismatch'] },
    domains: signed,
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred certificate-not-trusted' },
  },
  {
    name: 'MTA-STS: the session of verify meets an enforce policy',
    rules: { a: verify, b: sts },
    domains: withPolicy,
    steps: ['a', 'b', 'a'],
    sessions: [tls(1, 2, 3)],
  },
  {
    name: 'MTA-STS: a policy of one recipient domain is not that of another on the same host',
    rules: { a: sts },
    host: { certificate: 'wrong-name' },
    domains: (mx) => ({ q: { mx: [mx], sts: {} } }),
    cleartext: 'allowed',
    steps: ['a', 'a q', 'a'],
    sessions: [tls(1, 3), refused],
    outcomes: { 2: 'deferred certificate-host-mismatch' },
  },
  {
    name: 'MTA-STS: a host that the policy names no more is not used, although its session stands',
    rules: { a: sts },
    domains: withPolicy,
    steps: [
      'a',
      async ({ lab, names }) => {
        const domain = names.recipients.p;
        lab
          .policyHost(domain)
          .setBody('version: STSv1\r\nmode: enforce\r\nmx: elsewhere.example\r\nmax_age: 86400\r\n');
        lab.dns.set({
          name: `_mta-sts.${domain}`,
          type: 'TXT',
          records: [{ type: 'TXT', text: 'v=STSv1; id=2;' }],
        });
        await seen();
      },
      'a',
    ],
    sessions: [tls(1)],
    outcomes: { 2: 'deferred mx-not-in-policy' },
  },
];

function publish({ lab, host, names }: Stage, what: 'match' | 'mismatch'): void {
  const records = [lab.office.tlsa(what, host.certificate)];
  lab.dns.set({ name: `_25._tcp.${names.host}`, type: 'TLSA', records });
}

const dates: readonly Omit<Scenario, 'haraka'>[] = [
  {
    name: 'a certificate that expired meanwhile ends the use of its session at verify',
    rules: { a: { ...verify, ca_file: 'dates.pem' }, b: mandatory },
    files: caFile('dates.pem', ownCa),
    host: { certificate: given(ofOwnCa) },
    steps: [
      async (stage) => void expiries.set(stage.names.host, await showShortLived(stage, 'none')),
      'a',
      'a',
      expired,
      'a',
    ],
    sessions: [tls(1, 2), refused],
    outcomes: { 3: 'deferred certificate-expired' },
  },
  {
    name: 'dates are nothing to DANE-EE: the session goes on when its certificate has expired',
    rules: { a: dane },
    host: daneHost,
    domains: signed,
    steps: [
      async (stage) => {
        expiries.set(stage.names.host, await showShortLived(stage, 'published'));
        await seen();
      },
      'a',
      expired,
      'a',
    ],
    sessions: [tls(1, 2)],
  },
];

const reloads: readonly Omit<Scenario, 'haraka'>[] = [
  {
    name: 'a rule that is tightened applies to the next message',
    rules: { a: mandatory },
    host: { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } },
    steps: ['a', 'a', (stage) => stage.rewrite('a', { ...mandatory, ...version('1.3') }), 'a'],
    sessions: [left(tls(1, 2)), refused],
    outcomes: { 3: 'deferred tls-version-too-low' },
  },
  {
    name: 'a rule that is loosened applies to the next message',
    rules: { a: mandatory },
    cleartext: 'allowed',
    steps: ['a', (stage) => stage.rewrite('a', none), 'a'],
    sessions: [left(tls(1)), clear(2)],
  },
  {
    name: 'other settings end the sessions of every rule at once',
    rules: { a: mandatory, b: mandatory },
    steps: ['a', (stage) => stage.rewrite('b', verify), ({ host }) => host.settled(), 'a', 'b'],
    sessions: [left(tls(1)), tls(2), tls(3)],
  },
  {
    name: 'a message on its way when the settings change arrives, and its session ends behind it',
    rules: { a: mandatory, b: mandatory },
    host: { behaviour: { again: { message: { do: 'reply', text: '250 at last\r\n', afterMs: 2500 } } } },
    steps: [
      'a',
      (stage) => stage.send('a'),
      ({ host }) => host.until((peer) => messagesSent(peer.connections.at(-1)) === 2),
      (stage) => stage.rewrite('b', verify),
    ],
    sessions: [left(tls(1, 2))],
  },
];

function messagesSent(connection: PeerConnection | undefined): number {
  return connection?.encrypted.match(/\r\n\.\r\n/g)?.length ?? 0;
}

export const ruleScenarios: readonly Scenario[] = [
  ...[...twoRules, ...cleartext, ...dns, ...dates].map((one) => ({ ...one, haraka: 'patient' as const })),
  ...reloads.map((one) => ({ ...one, haraka: 'changing' as const })),
];
