import { getServers } from 'node:dns';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  hasTrustAd,
  isTrustedPath,
  parseResolverServer,
  serverText,
  systemServers,
  type ResolverServer,
} from '../../src/dns/server';

describe('a resolver as text', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1:53'],
    ['127.0.0.1:5353', '127.0.0.1:5353'],
    [' 192.0.2.53 ', '192.0.2.53:53'],
    ['::1', '[::1]:53'],
    ['[::1]', '[::1]:53'],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    ['fe80::1%eth0', '[fe80::1%eth0]:53'],
    ['tls://9.9.9.9#dns.quad9.net', 'tls://9.9.9.9:853#dns.quad9.net'],
    ['tls://9.9.9.9:8853#DNS.Quad9.net.', 'tls://9.9.9.9:8853#dns.quad9.net'],
    ['tls://[2620:fe::fe]:853#dns.quad9.net', 'tls://[2620:fe::fe]:853#dns.quad9.net'],
    ['tls://2620:fe::fe#dns.quad9.net', 'tls://[2620:fe::fe]:853#dns.quad9.net'],
  ])('%s is read', (text, normal) => {
    const server = parseResolverServer(text);
    expect(typeof server === 'string' ? server : serverText(server)).toBe(normal);
  });

  test.each([
    [''],
    ['localhost'],
    ['127.0.0.1:0'],
    ['127.0.0.1:65536'],
    ['127.0.0.1:dns'],
    ['[127.0.0.1]:53'],
    ['::1:5353:'],
    ['[::1'],
    ['127.0.0.1#name.example'],
    ['tls://9.9.9.9'],
    ['tls://9.9.9.9#'],
    ['tls://9.9.9.9#192.0.2.1'],
    ['tls://dns.quad9.net#dns.quad9.net'],
    ['https://9.9.9.9/dns-query'],
    ['127.0.0.1 127.0.0.2'],
  ])('%j is refused with a reason', (text) => {
    expect(parseResolverServer(text)).toEqual(expect.stringMatching(/./));
  });
});

describe('the path to a resolver', () => {
  test.each([
    // server, vouched for by nobody, by resolv.conf, by trust_ad = true
    ['127.0.0.1', 'trusted', 'trusted', 'trusted'],
    ['127.8.9.10:5353', 'trusted', 'trusted', 'trusted'],
    ['::1', 'trusted', 'trusted', 'trusted'],
    ['tls://192.0.2.1#dns.example', 'trusted', 'trusted', 'trusted'],
    ['192.0.2.1', 'not trusted', 'trusted', 'trusted'],
    ['10.0.0.1', 'not trusted', 'trusted', 'trusted'],
    ['fe80::1%eth0', 'not trusted', 'trusted', 'trusted'],
    ['::ffff:192.0.2.1', 'not trusted', 'trusted', 'trusted'],
    ['127.0.0.11', 'not trusted', 'not trusted', 'trusted'],
    ['127.0.0.53', 'not trusted', 'not trusted', 'trusted'],
    ['127.0.0.54', 'not trusted', 'not trusted', 'trusted'],
    ['::ffff:127.0.0.53', 'not trusted', 'not trusted', 'trusted'],
    ['127.0.0.53:5353', 'not trusted', 'not trusted', 'trusted'],
  ])('%s: by itself %s, with trust-ad in resolv.conf %s, with trust_ad = true %s', (text, ...expected) => {
    const server = parseResolverServer(text);
    if (typeof server === 'string') throw new Error(server);
    const found = (['by_nobody', 'by_resolv_conf', 'by_operator'] as const).map((vouched) =>
      isTrustedPath(server, vouched) ? 'trusted' : 'not trusted',
    );
    expect(found).toEqual(expected);
  });

  test.each([
    ['options trust-ad', true],
    ['nameserver 192.0.2.1\noptions edns0 trust-ad rotate\n', true],
    ['options\ttrust-ad', true],
    ['options edns0', false],
    ['# options trust-ad', false],
    ['options no-trust-ad', false],
    ['', false],
  ])('resolv.conf %j vouches: %s', (text, expected) => {
    expect(hasTrustAd(text)).toBe(expected);
  });
});

test("the system's own resolvers are vouched for by their resolv.conf, and by nobody where there is none", () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'resolv-')), 'resolv.conf');
  expect(systemServers(file).vouched).toBe('by_nobody');
  writeFileSync(file, 'options trust-ad\n');
  const { servers, vouched } = systemServers(file);
  rmSync(path.dirname(file), { recursive: true });
  expect(vouched).toBe('by_resolv_conf');
  expect(servers.map(serverText)).toEqual(
    getServers().map((text) => serverText(parseResolverServer(text) as ResolverServer)),
  );
});
