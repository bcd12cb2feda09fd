import { expect, test } from 'vitest';
import { createCa } from '../../haraka-test-harness/pki';
import { utcDay } from '../../src/peers/day';
import { inboundRule, outboundRule } from '../../src/peers/rules';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

const { settings, faults } = loadSettings(
  memorySource({
    'tls-peers.ini': `
[outbound]
security_level = opportunistic
action_on_failure = bounce
[inbound]
min_tls_version = 1.1
`,
    'tls-peers/example.com.ini': `
[outbound]
security_level = opportunistic_dane
min_tls_version = 1.2
[outbound partner.example]
security_level = mandatory_dane
min_tls_version = 1.3
action_on_failure = defer
[outbound only-version.example]
min_tls_version = 1.1
[outbound empty.example]
[outbound off.example]
status = disabled
security_level = verify
[outbound *.bank.example]
security_level = mandatory
min_tls_version = 1.3
[outbound *.eu.bank.example]
security_level = verify
match = nexthop
[outbound vault.eu.bank.example]
security_level = mta_sts
[outbound old.eu.bank.example]
status = disabled
security_level = none
[outbound *.off.eu.bank.example]
status = disabled
security_level = none
[outbound lapsed.example]
security_level = none
exempt_until = 2026-06-14
[outbound lapsing.example]
security_level = none
exempt_until = 2026-06-15
[outbound lapsed.bank.example]
security_level = none
exempt_until = 2025-01-01
[outbound *.lapsed.example]
security_level = none
exempt_until = 2026-06-14
[outbound postfix-may.example]
security_level = may
[outbound postfix-encrypt.example]
security_level = encrypt
[outbound postfix-dane.example]
security_level = dane
[outbound postfix-dane-only.example]
security_level = dane-only
[outbound postfix-secure.example]
security_level = secure
[outbound postfix-secure-match.example]
security_level = secure
match = hostname
[outbound b\u00fccher.example]
security_level = mandatory
[outbound *.xn--mller-kva.example]
security_level = mandatory
[outbound UPPER.Example]
security_level = mandatory
[outbound top]
security_level = mandatory
[outbound *.top]
security_level = verify

[inbound]
security_level = mandatory
[inbound partner.example]
min_tls_version = 1.3
[inbound *.bank.example]
security_level = opportunistic
[inbound mail.bank.example]
action_on_failure = defer
[inbound 203.0.113.0/24]
security_level = opportunistic
[inbound 203.0.113.128/25]
enforcement = monitor
[inbound 203.0.113.200]
min_tls_version = 1.3
[inbound 203.0.113.201]
status = disabled
min_tls_version = none
[inbound 203.0.113.202]
exempt_until = 2026-06-14
min_tls_version = none
[inbound 2001:db8::/32]
min_tls_version = 1.3
[inbound 2001:db8:0:1::/64]
security_level = opportunistic
[inbound ::ffff:198.51.100.0/120]
security_level = opportunistic
`,
    'tls-peers/bare.example.ini': '',
    'tls-peers/inbound-only.example.ini': '[inbound partner.example]\nsecurity_level = mandatory\n',
    'tls-peers/off.example.ini':
      'status = disabled\n[outbound]\nsecurity_level = mandatory\n[inbound]\nsecurity_level = mandatory\n',
    'tls-peers/temporary.example.ini':
      '[outbound]\nsecurity_level = none\nexempt_until = 2026-06-14\n[outbound partner.example]\nmin_tls_version = 1.3\n',
    'tls-peers/m\u00fcller.example.ini': '[outbound]\nsecurity_level = mandatory\n',
    'tls-peers/broken.example.ini': '[outbound]\nsecurity_level = strong\n',
  }),
);
const today = utcDay(new Date('2026-06-15'));

test('the rules of these tables are valid, save for one file', () => {
  expect(faults.map((fault) => `${fault.file}:${fault.line}`)).toEqual(['tls-peers/broken.example.ini:2']);
});

/** sender, recipient, section that wins, level, minimum version, action */
const outbound: [sender: string, recipient: string, won: string, expected: string][] = [
  // The default for unspecified domains.
  ['', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['', '', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['stranger.example', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['sub.example.com', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['com', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['[192.0.2.1]', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['not a domain', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  ['off.example', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  // A managed domain without a default of its own.
  ['bare.example', 'partner.example', 'tls-peers.ini [outbound]', 'opportunistic by_requirement bounce'],
  [
    'inbound-only.example',
    'partner.example',
    'tls-peers.ini [outbound]',
    'opportunistic by_requirement bounce',
  ],
  // The default for unspecified peers.
  ['example.com', 'stranger.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['EXAMPLE.COM', 'stranger.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com.', 'stranger.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', '[192.0.2.1]', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', '192.0.2.1', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', '', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  // Exact names, and what they inherit.
  ['example.com', 'partner.example', 'example.com [outbound partner.example]', 'mandatory_dane 1.3 defer'],
  ['example.com', 'Partner.EXAMPLE.', 'example.com [outbound partner.example]', 'mandatory_dane 1.3 defer'],
  ['example.com', 'mail.partner.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'xpartner.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  [
    'example.com',
    'only-version.example',
    'example.com [outbound only-version.example]',
    'opportunistic_dane 1.1 bounce',
  ],
  ['example.com', 'empty.example', 'example.com [outbound empty.example]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'upper.example', 'example.com [outbound UPPER.Example]', 'mandatory 1.2 bounce'],
  ['example.com', 'top', 'example.com [outbound top]', 'mandatory 1.2 bounce'],
  // Status.
  ['example.com', 'off.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'old.eu.bank.example', 'example.com [outbound *.eu.bank.example]', 'verify 1.2 bounce'],
  ['example.com', 'x.off.eu.bank.example', 'example.com [outbound *.eu.bank.example]', 'verify 1.2 bounce'],
  // Wildcards.
  ['example.com', 'bank.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'www.bank.example', 'example.com [outbound *.bank.example]', 'mandatory 1.3 bounce'],
  ['example.com', 'a.b.c.bank.example', 'example.com [outbound *.bank.example]', 'mandatory 1.3 bounce'],
  ['example.com', 'ebank.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'eu.bank.example', 'example.com [outbound *.bank.example]', 'mandatory 1.3 bounce'],
  ['example.com', 'de.eu.bank.example', 'example.com [outbound *.eu.bank.example]', 'verify 1.2 bounce'],
  [
    'example.com',
    'vault.eu.bank.example',
    'example.com [outbound vault.eu.bank.example]',
    'mta_sts 1.2 bounce',
  ],
  ['example.com', 'a.vault.eu.bank.example', 'example.com [outbound *.eu.bank.example]', 'verify 1.2 bounce'],
  ['example.com', 'anything.top', 'example.com [outbound *.top]', 'verify 1.2 bounce'],
  // Rules that lapse.
  ['example.com', 'lapsing.example', 'example.com [outbound lapsing.example]', 'none 1.2 bounce'],
  ['example.com', 'lapsed.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'x.lapsed.example', 'example.com [outbound]', 'opportunistic_dane 1.2 bounce'],
  ['example.com', 'lapsed.bank.example', 'example.com [outbound *.bank.example]', 'mandatory 1.3 bounce'],
  [
    'temporary.example',
    'stranger.example',
    'tls-peers.ini [outbound]',
    'opportunistic by_requirement bounce',
  ],
  [
    'temporary.example',
    'partner.example',
    'temporary.example [outbound partner.example]',
    'opportunistic 1.3 bounce',
  ],
  // Postfix's names.
  [
    'example.com',
    'postfix-may.example',
    'example.com [outbound postfix-may.example]',
    'opportunistic 1.2 bounce',
  ],
  [
    'example.com',
    'postfix-encrypt.example',
    'example.com [outbound postfix-encrypt.example]',
    'mandatory 1.2 bounce',
  ],
  [
    'example.com',
    'postfix-dane.example',
    'example.com [outbound postfix-dane.example]',
    'opportunistic_dane 1.2 bounce',
  ],
  [
    'example.com',
    'postfix-dane-only.example',
    'example.com [outbound postfix-dane-only.example]',
    'mandatory_dane 1.2 bounce',
  ],
  [
    'example.com',
    'postfix-secure.example',
    'example.com [outbound postfix-secure.example]',
    'verify 1.2 bounce',
  ],
  // Names in other scripts, on either side, in either form.
  [
    'example.com',
    'b\u00fccher.example',
    'example.com [outbound b\u00fccher.example]',
    'mandatory 1.2 bounce',
  ],
  [
    'example.com',
    'xn--bcher-kva.example',
    'example.com [outbound b\u00fccher.example]',
    'mandatory 1.2 bounce',
  ],
  [
    'example.com',
    'mx.m\u00fcller.example',
    'example.com [outbound *.xn--mller-kva.example]',
    'mandatory 1.2 bounce',
  ],
  [
    'm\u00fcller.example',
    'partner.example',
    'xn--mller-kva.example [outbound]',
    'mandatory by_requirement bounce',
  ],
  [
    'xn--mller-kva.example',
    'partner.example',
    'xn--mller-kva.example [outbound]',
    'mandatory by_requirement bounce',
  ],
  // A file that was never valid.
  ['broken.example', 'partner.example', 'config-invalid', ''],
];

test.each(outbound)('mail from %j to %j is governed by %s: %s', (sender, recipient, won, expected) => {
  const found = outboundRule(settings, sender, recipient, today);
  if (found.kind === 'invalid') {
    expect([found.failure.reason, '']).toEqual([won, expected]);
  } else {
    const { name, level, minTlsVersion, actionOnFailure } = found.rule;
    expect([name, `${level} ${minTlsVersion} ${actionOnFailure}`]).toEqual([won, expected]);
  }
});

/** recipient's domain, client, envelope sender's domain, section that wins, what holds */
const inbound: [recipient: string, ip: string, sender: string, won: string, expected: string][] = [
  [
    'stranger.example',
    '192.0.2.1',
    'partner.example',
    'tls-peers.ini [inbound]',
    'opportunistic 1.1 bounce enforce',
  ],
  [
    'off.example',
    '192.0.2.1',
    'partner.example',
    'tls-peers.ini [inbound]',
    'opportunistic 1.1 bounce enforce',
  ],
  ['bare.example', '192.0.2.1', '', 'tls-peers.ini [inbound]', 'opportunistic 1.1 bounce enforce'],
  [
    'inbound-only.example',
    '192.0.2.1',
    'x.example',
    'tls-peers.ini [inbound]',
    'opportunistic 1.1 bounce enforce',
  ],
  [
    'inbound-only.example',
    '192.0.2.1',
    'partner.example',
    'inbound-only.example [inbound partner.example]',
    'mandatory 1.1 bounce enforce',
  ],
  ['example.com', '192.0.2.1', 'stranger.example', 'example.com [inbound]', 'mandatory 1.1 bounce enforce'],
  ['Example.COM', '192.0.2.1', 'stranger.example', 'example.com [inbound]', 'mandatory 1.1 bounce enforce'],
  // The null sender has no name to match.
  ['example.com', '192.0.2.1', '', 'example.com [inbound]', 'mandatory 1.1 bounce enforce'],
  [
    'example.com',
    '203.0.113.7',
    '',
    'example.com [inbound 203.0.113.0/24]',
    'opportunistic 1.1 bounce enforce',
  ],
  // Names.
  [
    'example.com',
    '192.0.2.1',
    'partner.example',
    'example.com [inbound partner.example]',
    'mandatory 1.3 bounce enforce',
  ],
  [
    'example.com',
    '192.0.2.1',
    'www.bank.example',
    'example.com [inbound *.bank.example]',
    'opportunistic 1.1 bounce enforce',
  ],
  [
    'example.com',
    '192.0.2.1',
    'mail.bank.example',
    'example.com [inbound mail.bank.example]',
    'mandatory 1.1 defer enforce',
  ],
  ['example.com', '192.0.2.1', 'bank.example', 'example.com [inbound]', 'mandatory 1.1 bounce enforce'],
  // Addresses come first, the longest prefix before shorter ones.
  [
    'example.com',
    '203.0.113.7',
    'partner.example',
    'example.com [inbound 203.0.113.0/24]',
    'opportunistic 1.1 bounce enforce',
  ],
  [
    'example.com',
    '203.0.113.129',
    'partner.example',
    'example.com [inbound 203.0.113.128/25]',
    'mandatory 1.1 bounce monitor',
  ],
  [
    'example.com',
    '203.0.113.200',
    'partner.example',
    'example.com [inbound 203.0.113.200]',
    'mandatory 1.3 bounce enforce',
  ],
  [
    'example.com',
    '203.0.114.0',
    'partner.example',
    'example.com [inbound partner.example]',
    'mandatory 1.3 bounce enforce',
  ],
  [
    'example.com',
    '203.0.113.201',
    'partner.example',
    'example.com [inbound 203.0.113.128/25]',
    'mandatory 1.1 bounce monitor',
  ],
  [
    'example.com',
    '203.0.113.202',
    'partner.example',
    'example.com [inbound 203.0.113.128/25]',
    'mandatory 1.1 bounce monitor',
  ],
  [
    'example.com',
    '2001:db8:ffff::1',
    '',
    'example.com [inbound 2001:db8::/32]',
    'mandatory 1.3 bounce enforce',
  ],
  [
    'example.com',
    '2001:DB8:0:1::25',
    '',
    'example.com [inbound 2001:db8:0:1::/64]',
    'opportunistic 1.1 bounce enforce',
  ],
  ['example.com', '2001:db9::1', '', 'example.com [inbound]', 'mandatory 1.1 bounce enforce'],
  // An IPv4 address in its IPv6 form is the IPv4 address, in messages and in rules.
  [
    'example.com',
    '::ffff:203.0.113.7',
    '',
    'example.com [inbound 203.0.113.0/24]',
    'opportunistic 1.1 bounce enforce',
  ],
  [
    'example.com',
    '::ffff:cb00:71c8',
    '',
    'example.com [inbound 203.0.113.200]',
    'mandatory 1.3 bounce enforce',
  ],
  [
    'example.com',
    '198.51.100.9',
    '',
    'example.com [inbound ::ffff:198.51.100.0/120]',
    'opportunistic 1.1 bounce enforce',
  ],
  // What is no address matches by name.
  [
    'example.com',
    '',
    'partner.example',
    'example.com [inbound partner.example]',
    'mandatory 1.3 bounce enforce',
  ],
  ['example.com', '203.0.113', '', 'example.com [inbound]', 'mandatory 1.1 bounce enforce'],
  ['broken.example', '192.0.2.1', '', 'config-invalid', ''],
];

test.each(inbound)(
  'mail to %j from client %j, sender %j, is governed by %s: %s',
  (recipient, ip, senderDomain, won, expected) => {
    const found = inboundRule(settings, recipient, { ip, senderDomain }, today);
    if (found.kind === 'invalid') {
      expect([found.failure.reason, '']).toEqual([won, expected]);
    } else {
      const { name, level, minTlsVersion, actionOnFailure, enforcement } = found.rule;
      expect([name, `${level} ${minTlsVersion} ${actionOnFailure} ${enforcement}`]).toEqual([won, expected]);
    }
  },
);

test('every other key of an outbound rule is inherited too, and a peer may set it otherwise', async () => {
  const [ourRoots, theirRoots] = [(await createCa()).certPem, (await createCa()).certPem];
  const ours = 'ab'.repeat(32);
  const theirs = 'cd'.repeat(32);
  const { settings: all } = loadSettings(
    memorySource({
      'ours.pem': ourRoots,
      'theirs.pem': theirRoots,
      'tls-peers/a.example.ini': `
[outbound]
ca_file = ours.pem
fingerprints = ${ours}
enforcement = monitor
cleartext_fallback = never
insecure_mx = may
[outbound inherits.example]
[outbound differs.example]
ca_file = theirs.pem
fingerprints = ${theirs}
enforcement = enforce
cleartext_fallback = no_starttls
insecure_mx = dane
`,
    }),
  );
  const ruleFor = (sender: string, recipient: string) => {
    const found = outboundRule(all, sender, recipient, today);
    return found.kind === 'rule' ? found.rule : found.failure;
  };
  expect(ruleFor('a.example', 'inherits.example')).toMatchObject({
    extraRoots: ourRoots,
    fingerprints: [ours],
    enforcement: 'monitor',
    cleartextFallback: 'never',
    insecureMx: 'may',
  });
  expect(ruleFor('a.example', 'differs.example')).toMatchObject({
    extraRoots: theirRoots,
    fingerprints: [theirs],
    enforcement: 'enforce',
    cleartextFallback: 'no_starttls',
    insecureMx: 'dane',
  });
});

test('`secure` brings its own names, unless the section has others', () => {
  const match = (peer: string) => {
    const found = outboundRule(settings, 'example.com', peer, today);
    return found.kind === 'rule' ? found.rule.match : [];
  };
  expect(match('postfix-secure.example')).toEqual([{ kind: 'nexthop' }, { kind: 'dot-nexthop' }]);
  expect(match('postfix-secure-match.example')).toEqual([{ kind: 'hostname' }]);
  expect(match('de.eu.bank.example')).toEqual([{ kind: 'nexthop' }]);
});

test('an inbound rule without a minimum version asks for 1.2 where TLS is mandatory', () => {
  const { settings: plain } = loadSettings(
    memorySource({ 'tls-peers/a.example.ini': '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n' }),
  );
  const version = (ip: string) => {
    const found = inboundRule(plain, 'a.example', { ip, senderDomain: '' }, today);
    return found.kind === 'rule' ? found.rule.minTlsVersion : '';
  };
  expect([version('192.0.2.1'), version('192.0.3.1')]).toEqual(['1.2', 'none']);
});
