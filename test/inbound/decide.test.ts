import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  judgeRecipient,
  refusedForNow,
  type Protection,
  type RecipientVerdict,
} from '../../src/inbound/decide';
import { verdictLine } from '../../src/inbound/report';
import { ruleForClient, type Client } from '../../src/inbound/client_rule';
import { utcDay } from '../../src/peers/day';
import { minTlsVersions, type InboundRule } from '../../src/peers/rule';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';
import { anyText } from '../support/any_text';

const today = utcDay(new Date('2026-11-24'));
const tls = (protocol: string): Protection => ({ kind: 'tls', protocol });
const cleartext: Protection = { kind: 'cleartext', startTls: 'available' };
const nullCipher: Protection = { kind: 'null_cipher', cipher: 'NULL-SHA256' };
const withheld: Protection = { kind: 'cleartext', startTls: 'withheld' };

const rule = (more: Partial<InboundRule> = {}): InboundRule => ({
  name: 'r',
  level: 'mandatory',
  minTlsVersion: '1.2',
  actionOnFailure: 'bounce',
  enforcement: 'enforce',
  ...more,
});

function spoken(verdict: RecipientVerdict): string {
  if (verdict.kind !== 'refused') return verdict.kind;
  const { code, status, text } = verdict.reply;
  return `${code} ${status} ${text}`;
}

describe('a recipient under a rule', () => {
  const rows: readonly (readonly [
    what: string,
    rule: Partial<InboundRule>,
    seen: Protection,
    said: string,
  ])[] = [
    ['no TLS', {}, cleartext, '530 5.7.0 Must issue a STARTTLS command first'],
    [
      'no TLS, for now',
      { actionOnFailure: 'defer' },
      cleartext,
      '450 4.7.0 Must issue a STARTTLS command first',
    ],
    [
      'no TLS was offered',
      {},
      withheld,
      '450 4.7.0 STARTTLS is required for this recipient, and this server does not offer it at the moment',
    ],
    ['no TLS was offered at opportunistic', { level: 'opportunistic' }, withheld, 'admitted'],
    ['no TLS, monitored', { enforcement: 'monitor' }, cleartext, 'recorded'],
    ['no TLS at opportunistic', { level: 'opportunistic', minTlsVersion: '1.3' }, cleartext, 'admitted'],
    [
      'TLS that does not encrypt',
      {},
      nullCipher,
      '530 5.7.0 Encryption is required for this recipient, and NULL-SHA256 does not encrypt',
    ],
    [
      'TLS that does not encrypt, for now',
      { actionOnFailure: 'defer' },
      nullCipher,
      '450 4.7.0 Encryption is required for this recipient, and NULL-SHA256 does not encrypt',
    ],
    ['TLS that does not encrypt, monitored', { enforcement: 'monitor' }, nullCipher, 'recorded'],
    [
      'TLS that does not encrypt, at opportunistic',
      { level: 'opportunistic', minTlsVersion: '1.3' },
      nullCipher,
      'admitted',
    ],
    ['the minimum', { minTlsVersion: '1.1' }, tls('TLSv1.1'), 'admitted'],
    [
      'below it',
      { minTlsVersion: '1.1' },
      tls('TLSv1'),
      '550 5.7.4 TLS 1.1 or later is required, this session uses TLS 1.0',
    ],
    [
      'below it, for now',
      { actionOnFailure: 'defer' },
      tls('TLSv1.1'),
      '450 4.7.0 TLS 1.2 or later is required, this session uses TLS 1.1',
    ],
    ['below it, monitored', { enforcement: 'monitor' }, tls('TLSv1'), 'recorded'],
    [
      'a version that is not known',
      {},
      tls(''),
      '550 5.7.4 TLS 1.2 or later is required, this session uses an unknown version',
    ],
    [
      'a version that is none of TLS',
      {},
      tls('SSLv3'),
      '550 5.7.4 TLS 1.2 or later is required, this session uses SSLv3',
    ],
    ['a version that is not known, and no minimum', { minTlsVersion: 'none' }, tls(''), 'admitted'],
  ];
  it.each(rows)('%s', (_what, more, seen, said) => {
    expect(spoken(judgeRecipient({ kind: 'rule', rule: rule(more) }, seen))).toBe(said);
  });

  it('is never admitted without TLS where TLS is mandatory and enforced', () => {
    const rules = fc.record({
      minTlsVersion: fc.constantFrom(...minTlsVersions),
      actionOnFailure: fc.constantFrom('defer' as const, 'bounce' as const),
    });
    fc.assert(
      fc.property(rules, (more) => {
        const verdict = judgeRecipient({ kind: 'rule', rule: rule(more) }, cleartext);
        const temporary = more.actionOnFailure === 'defer';
        expect(verdict).toMatchObject({ kind: 'refused', reply: { code: temporary ? 450 : 530 } });
      }),
    );
  });

  it('is kept out for now where its rule cannot be found out', () => {
    expect(spoken(refusedForNow({ reason: 'config-invalid', text: 'x' }))).toMatch(/^451 4\.3\.5 /);
    expect(spoken(refusedForNow({ reason: 'internal-error', text: 'x' }))).toMatch(/^451 4\.3\.0 /);
  });
});

describe('a recipient for whom no rule is meant', () => {
  it.each([cleartext, withheld, tls('TLSv1')])('is admitted: %j', (seen) => {
    expect(judgeRecipient({ kind: 'none' }, seen)).toEqual({ kind: 'admitted', rule: '' });
  });
});

describe('the rule for a client', () => {
  const { settings } = loadSettings(
    memorySource({
      'tls-peers.ini': '[inbound]\nmin_tls_version = 1.1\n',
      'tls-peers/us.example.ini':
        '[inbound]\nsecurity_level = mandatory\n' +
        '[inbound 10.0.0.0/8]\nsecurity_level = opportunistic\n' +
        '[inbound 10.1.0.0/16]\nsecurity_level = mandatory\nexempt_until = 2026-01-01\n' +
        '[inbound 10.2.0.0/16]\nstatus = disabled\n' +
        '[inbound peer.example]\nmin_tls_version = 1.3\n',
      'tls-peers/off.example.ini': 'status = disabled\n[inbound 10.0.0.0/8]\nsecurity_level = mandatory\n',
      'tls-peers/bad.example.ini': 'nonsense = 1\n',
    }),
  );
  const own = (ip: string, senderDomain = 'peer.example'): Client => ({ ip, senderDomain, kind: 'own' });
  const peer = (ip: string, senderDomain = 'peer.example'): Client => ({ ip, senderDomain, kind: 'peer' });
  const rows: readonly (readonly [what: string, domain: string, client: Client, found: string])[] = [
    ['a peer, by sender', 'us.example', peer('192.0.2.1'), 'us.example [inbound peer.example]'],
    ['a peer, by default', 'us.example', peer('192.0.2.1', ''), 'us.example [inbound]'],
    ['a peer, by network', 'us.example', peer('10.9.9.9'), 'us.example [inbound 10.0.0.0/8]'],
    ['a peer, not managed', 'else.example', peer('10.9.9.9'), 'tls-peers.ini [inbound]'],
    ['an own client, by network', 'us.example', own('10.9.9.9'), 'us.example [inbound 10.0.0.0/8]'],
    ['an own client past an exemption', 'us.example', own('10.1.0.1'), 'us.example [inbound 10.0.0.0/8]'],
    [
      'an own client past a disabled section',
      'us.example',
      own('10.2.0.1'),
      'us.example [inbound 10.0.0.0/8]',
    ],
    ['an own client, no network', 'us.example', own('192.0.2.1'), 'none'],
    ['an own client without an address', 'us.example', own('unknown'), 'none'],
    ['an own client, not managed', 'else.example', own('10.9.9.9'), 'none'],
    ['an own client, disabled', 'off.example', own('10.9.9.9'), 'none'],
    ['an own client, not valid', 'bad.example', own('192.0.2.1'), 'invalid'],
    ['a peer, not valid', 'bad.example', peer('192.0.2.1'), 'invalid'],
    ['a subdomain is not managed', 'sub.us.example', peer('10.9.9.9'), 'tls-peers.ini [inbound]'],
    ['a recipient without a domain', '', peer('10.9.9.9'), 'tls-peers.ini [inbound]'],
  ];
  it.each(rows)('%s', (_what, domain, client, expected) => {
    const found = ruleForClient(settings, domain, client, today);
    expect(found.kind === 'rule' ? found.rule.name : found.kind).toBe(expected);
  });

  it('inherits what its network does not set', () => {
    const found = ruleForClient(settings, 'us.example', own('10.9.9.9'), today);
    expect(found).toMatchObject({ rule: { level: 'opportunistic', minTlsVersion: '1.1' } });
  });

  it('is withheld from everybody while the global file is not valid', () => {
    const broken = loadSettings(memorySource({ 'tls-peers.ini': '[inbond]\n' })).settings;
    for (const client of [own('10.9.9.9'), peer('10.9.9.9')]) {
      const verdict = judgeRecipient(ruleForClient(broken, 'any.example', client, today), tls('TLSv1.3'));
      expect(spoken(verdict)).toMatch(/^451 4\.3\.5 /);
    }
  });
});

it('the log line stays one line, whatever the envelope holds', () => {
  const hostile = anyText({ maxLength: 2000 });
  fc.assert(
    fc.property(hostile, hostile, (sender, recipient) => {
      const verdict = judgeRecipient({ kind: 'rule', rule: rule() }, cleartext);
      const client: Client = { ip: '192.0.2.1', senderDomain: '', kind: 'peer' };
      const line = verdictLine(verdict, { client, sender, recipient, tls: 'none' });
      expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      expect(line).toMatch(/ reply="530 5\.7\.0"$/);
    }),
  );
});
