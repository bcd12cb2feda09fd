import { describe, expect, test } from 'vitest';
import { judgeMail, readTlsRequired, receivedLine } from '../../src/inbound/require_tls';

describe('the parameter at MAIL', () => {
  test.each([
    [undefined, 'switched_on', 'cleartext', 'untagged'],
    [undefined, 'switched_off', 'tls', 'untagged'],
    [null, 'switched_on', 'tls', 'tagged'],
    ['', 'switched_on', 'tls', '501 5.5.4'],
    ['x', 'switched_on', 'tls', '501 5.5.4'],
    ['x', 'switched_on', 'cleartext', '501 5.5.4'],
    [null, 'switched_on', 'cleartext', '530 5.7.10'],
    [null, 'switched_off', 'tls', '555 5.5.4'],
    [null, 'switched_off', 'cleartext', '555 5.5.4'],
    ['x', 'switched_off', 'tls', '555 5.5.4'],
  ] as const)('%j, offer %s, over %s: %s', (parameter, offer, channel, expected) => {
    const verdict = judgeMail({ parameter, offer, channel });
    expect(verdict.kind === 'refused' ? `${verdict.reply.code} ${verdict.reply.status}` : verdict.kind).toBe(
      expected,
    );
  });
});

describe('the TLS-Required header field', () => {
  test.each([
    [[], 'absent'],
    [[' No\r\n'], 'no'],
    [['no'], 'no'],
    [['NO', ' no\n'], 'no'],
    [['No', 'Yes'], 'ignored'],
    [['Yes'], 'ignored'],
    [[''], 'ignored'],
    [['No, thanks'], 'ignored'],
    [[undefined], 'ignored'],
  ])('%j: %s', (fields, expected) => {
    expect(readTlsRequired(fields).kind).toBe(expected);
  });
});

test('Received says so behind the id, and nothing else changes', () => {
  const line = (how: string) =>
    `from a (b)\r\n\tby c (Haraka) with ${how} id AB-1.2\r\n\tenvelope-from <x@y>`;
  expect(receivedLine(line('ESMTPS'))).toContain('with ESMTPS id AB-1.2 (requiretls)\r\n');
  expect(receivedLine(line('ESMTPSA'))).toContain('id AB-1.2 (requiretls)\r\n');
  expect(receivedLine('with ESMTPS, oddly')).toBe('with ESMTPS, oddly');
});
