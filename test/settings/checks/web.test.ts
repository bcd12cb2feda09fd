import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { harakaHttp, webFaults } from '../../../src/settings/checks/web';
import { loadSettings } from '../../../src/settings/load/load';
import { formatFault } from '../../../src/settings/schema/fault';
import { memorySource } from '../memory_source';

function viewOf(files: Readonly<Record<string, string>>) {
  const source = memorySource(files);
  const { settings, faults } = loadSettings(source);
  expect(faults).toEqual([]);
  return { source, settings, today: utcDay(new Date()) };
}

const clear =
  'the token would cross the network in the clear; allowed: a loopback address, or certificate_file';

test.each([
  ['listen = 127.0.0.1:8463, [::1]:8463', []],
  ['listen = 203.0.113.5:8463', [`tls-peers.ini:2: [web]: listen = 203.0.113.5:8463: ${clear}`]],
  ['listen = 0.0.0.0:8463', [`tls-peers.ini:2: [web]: listen = 0.0.0.0:8463: ${clear}`]],
  ['listen = [::]:8463', [`tls-peers.ini:2: [web]: listen = [::]:8463: ${clear}`]],
  ['listen = 203.0.113.5:8463\ncertificate_file = page.pem', []],
  ['listen = 203.0.113.5:8463\nenabled = false', []],
  [
    'trust_proxy_user = X-Remote-User',
    [
      'tls-peers.ini:2: [web]: trust_proxy_user = x-remote-user: no proxy is trusted, so that it counts from nobody; ' +
        'allowed: together with trusted_proxies',
    ],
  ],
  ['trust_proxy_user = X-Remote-User\ntrusted_proxies = 10.0.0.1', []],
])('with %j lint finds %j', (keys, expected) => {
  expect(webFaults(viewOf({ 'tls-peers.ini': `[web]\n${keys}\n` })).map(formatFault)).toEqual(expected);
});

test.each([
  ['no http.ini', {}, 'absent', 0],
  ['http on loopback', { 'http.ini': 'listen=127.0.0.1:8080\n' }, 'there', 0],
  ['http on loopback, without express', { 'http.ini': 'listen=127.0.0.1:8080\n' }, 'absent', 1],
  ['http on loopback, and no Haraka to look from', { 'http.ini': 'listen=127.0.0.1:8080\n' }, 'unknown', 0],
  ['http everywhere', { 'http.ini': 'listen=[::]:80\n' }, 'there', 1],
  ['https everywhere', { 'http.ini': 'listen=[::]:443\n' }, 'there', 0],
  [
    'http everywhere, and no page',
    { 'http.ini': 'listen=[::]:80\n', 'tls-peers.ini': '[web]\nenabled = false\n' },
    'absent',
    0,
  ],
  [
    'http everywhere, and no such plugin',
    { 'http.ini': 'listen=[::]:80\n', plugins: 'watch\n' },
    'absent',
    0,
  ],
] as const)('%s: %s findings', (_, files, express, expected) => {
  expect(harakaHttp({ express }, viewOf(files))).toHaveLength(expected);
});
