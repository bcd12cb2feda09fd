import { describe, expect, it, test } from 'vitest';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { silent } from '../../src/log';
import { parseNetwork, type Network } from '../../src/peers/network';
import { complete, webKeys } from '../../src/settings/schema/keys';
import { FailedAttempts } from '../../src/web/access/attempts';
import { isOwnHost, ownHosts } from '../../src/web/access/hosts';
import { isFromOurPage } from '../../src/web/access/origin';
import { clientOf } from '../../src/web/access/proxies';
import { openSession, sealSession, sessionKey } from '../../src/web/access/sessions';
import { TokenFile } from '../../src/web/access/token_file';
import { Budget } from '../../src/web/shared/budget';

const key = sessionKey('a-token-of-an-operator');
const hour = 3_600_000;

describe('a session', () => {
  const value = sealSession(key, 10 * hour, new Uint8Array(16).fill(7));

  it('is known until its end, and no longer', () => {
    expect(openSession(key, value, 0, 12 * hour)).toEqual({ id: 'BwcHBwcHBwcHBwcHBwcHBw', until: 10 * hour });
    expect(openSession(key, value, 10 * hour, 12 * hour)).toBeUndefined();
  });

  it('is none under another token, nor where it would last longer than sessions now do', () => {
    expect(openSession(sessionKey('another-token-of-his'), value, 0, 12 * hour)).toBeUndefined();
    expect(openSession(key, value, 0, hour)).toBeUndefined();
  });

  it('is none once any octet of it is another', () => {
    fc.assert(
      fc.property(fc.nat(value.length - 1), fc.constantFrom('0', 'a', 'Z', '-', '_', '.'), (at, char) => {
        fc.pre(value[at] !== char);
        const changed = value.slice(0, at) + char + value.slice(at + 1);
        const opened = openSession(key, changed, 0, 12 * hour);
        // The last character of base64url has bits that mean nothing.
        expect(opened === undefined || at === value.length - 1 || value[at + 1] === '.').toBe(true);
      }),
    );
  });
});

test.each([
  ['localhost', true],
  ['LOCALHOST:8463', true],
  ['127.0.0.1:8463', true],
  ['[::1]:8463', true],
  ['mail.ours.example', true],
  ['mail.ours.example.', true],
  ['page.ours.example:443', true],
  ['203.0.113.5:8463', true],
  ['203.0.113.6', false],
  ['evil.example', false],
  ['localhost.evil.example', false],
  ['mail.ours.example@evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['[::1', false],
  ['', false],
  ['0.0.0.0', false],
])('the Host %j is one of ours: %s', (header, expected) => {
  const listen = [
    { address: '203.0.113.5', port: 8463 },
    { address: '0.0.0.0', port: 80 },
  ];
  const web = { ...complete(webKeys, {}), hosts: ['page.ours.example'], listen };
  expect(isOwnHost(ownHosts(web, 'mail.ours.example'), header)).toBe(expected);
});

describe('a proxy', () => {
  const trusted = {
    trustedProxies: [parseNetwork('10.0.0.0/8') as Network],
    trustProxyUser: 'x-remote-user',
  };
  const fields = {
    'x-remote-user': ['alice'],
    'x-forwarded-for': ['1.2.3.4, 192.0.2.9'],
    'x-forwarded-proto': ['https'],
  };

  it('that is trusted names the user, the client and the scheme', () => {
    expect(clientOf({ address: '::ffff:10.1.2.3', encrypted: false }, fields, trusted)).toEqual({
      address: '192.0.2.9',
      encrypted: true,
      user: 'alice',
    });
  });

  it('that is not names nothing', () => {
    expect(clientOf({ address: '127.0.0.1', encrypted: false }, fields, trusted)).toEqual({
      address: '127.0.0.1',
      encrypted: false,
      user: '',
    });
  });

  it('names nobody where the header comes twice, or no header is trusted', () => {
    const from = { address: '10.1.2.3', encrypted: false };
    expect(clientOf(from, { 'x-remote-user': ['alice', 'root'] }, trusted).user).toBe('');
    expect(clientOf(from, fields, { ...trusted, trustProxyUser: '' }).user).toBe('');
  });
});

test.each([
  [{ origin: ['http://page.example:8463'] }, true],
  [{ origin: ['https://page.example:8463'] }, true],
  [{ origin: ['http://page.example'] }, false],
  [{ origin: ['http://evil.example:8463'] }, false],
  [{ origin: ['null'] }, false],
  [{ origin: ['http://page.example:8463', 'http://evil.example'] }, false],
  [{ 'sec-fetch-site': ['same-origin'] }, true],
  [{ 'sec-fetch-site': ['same-site'] }, false],
  [{}, false],
])('%j comes from our page: %s', (fields, expected) => {
  expect(isFromOurPage(fields, 'page.example:8463')).toBe(expected);
});

test('five wrong credentials in a minute, then none is looked at until it is over', () => {
  const attempts = new FailedAttempts();
  for (let times = 0; times < 5; times++) {
    expect(attempts.waitFor('192.0.2.1', 0)).toBe(0);
    attempts.failed('192.0.2.1', 0);
  }
  expect(attempts.waitFor('192.0.2.1', 1_000)).toBe(59);
  expect(attempts.waitFor('192.0.2.2', 1_000)).toBe(0);
  expect(attempts.waitFor('192.0.2.1', 60_000)).toBe(0);
});

test('all of a /64 is one client', () => {
  const attempts = new FailedAttempts();
  for (let times = 0; times < 5; times++) attempts.failed(`2001:db8::${times}`, 0);
  expect(attempts.waitFor('2001:db8::ffff', 0)).toBe(60);
  expect(attempts.waitFor('2001:db8:0:1::1', 0)).toBe(0);
});

test('a budget is spent, and comes back with time', () => {
  const budget = new Budget({ burst: 2, perSecond: 1 });
  expect([budget.take(0), budget.take(0), budget.take(0), budget.take(500), budget.take(1_000)]).toEqual([
    0, 0, 1, 1, 0,
  ]);
});

describe('the file of the token', () => {
  const lines: string[] = [];
  const log = { ...silent, error: (line: string) => void lines.push(line) };
  const within = (use: (file: string) => void): void => {
    const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-token-'));
    try {
      use(path.join(directory, 'web/token'));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };

  it('is made where it is missing, for its owner alone', () => {
    within((file) => {
      const token = new TokenFile(silent).current(file, 0);
      const text = readFileSync(file, 'utf8');
      expect(text).toMatch(/^[\w-]{43}\n$/);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(token?.matches(text.trim())).toBe(true);
      expect(token?.matches(`${text.trim()}x`)).toBe(false);
      // Another process finds it, and makes none.
      new TokenFile(silent).current(file, 0);
      expect(readFileSync(file, 'utf8')).toBe(text);
    });
  });

  it.each([
    ['nothing', '', 0o600],
    ['a few characters', 'short\n', 0o600],
    ['what everybody may read', 'a-token-that-is-long-enough\n', 0o644],
    ['what others may change', 'a-token-that-is-long-enough\n', 0o660],
    ['two words', 'a-token that-is-long-enough\n', 0o600],
  ])('lets nobody in with %s in it, and says so once', (_, text, mode) => {
    within((file) => {
      new TokenFile(silent).current(file, 0);
      writeFileSync(file, text);
      chmodSync(file, mode);
      lines.length = 0;
      const tokens = new TokenFile(log);
      expect(tokens.current(file, 0)).toBeUndefined();
      expect(tokens.current(file, 10_000)).toBeUndefined();
      expect(lines).toHaveLength(1);
    });
  });

  it('may be read by a group, such as that of Prometheus', () => {
    within((file) => {
      new TokenFile(silent).current(file, 0);
      chmodSync(file, 0o640);
      expect(new TokenFile(silent).current(file, 0)).toBeDefined();
    });
  });
});
