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
    ['127.0.0.1', false, 'trusted'],
    ['127.0.0.53', false, 'trusted'],
    ['127.8.9.10:5353', false, 'trusted'],
    ['::1', false, 'trusted'],
    ['tls://192.0.2.1#dns.example', false, 'trusted'],
    ['127.0.0.11', false, 'not trusted'],
    ['127.0.0.11', true, 'trusted'],
    ['192.0.2.1', false, 'not trusted'],
    ['192.0.2.1', true, 'trusted'],
    ['10.0.0.1', false, 'not trusted'],
    ['fe80::1%eth0', false, 'not trusted'],
    ['::ffff:192.0.2.1', false, 'not trusted'],
  ])('%s, operator vouches %s: %s', (text, operatorTrusts, expected) => {
    const server = parseResolverServer(text);
    if (typeof server === 'string') throw new Error(server);
    expect(isTrustedPath(server, operatorTrusts) ? 'trusted' : 'not trusted').toBe(expected);
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
  expect(systemServers(file).trustAd).toBe(false);
  writeFileSync(file, 'options trust-ad\n');
  const { servers, trustAd } = systemServers(file);
  rmSync(path.dirname(file), { recursive: true });
  expect(trustAd).toBe(true);
  expect(servers.map(serverText)).toEqual(
    getServers().map((text) => serverText(parseResolverServer(text) as ResolverServer)),
  );
});
