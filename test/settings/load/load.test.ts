import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { inboundRule, outboundRule } from '../../../src/peers/rules';
import { formatFault } from '../../../src/settings/schema/fault';
import { loadSettings } from '../../../src/settings/load/load';
import { directorySource } from '../../../src/settings/load/source';

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function install(files: Record<string, string>): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-settings-'));
  directories.push(directory);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), text);
  }
  return directory;
}

const today = utcDay(new Date('2026-06-15'));

test('without any file, mail goes out at auto and comes in at opportunistic', () => {
  const { settings, faults } = loadSettings(directorySource(install({})));
  expect(faults).toEqual([]);
  expect(outboundRule(settings, 'a.example', 'b.example', today)).toEqual({
    kind: 'rule',
    rule: {
      name: 'tls-peers.ini [outbound]',
      level: 'auto',
      minTlsVersion: 'by_requirement',
      match: [{ kind: 'hostname' }],
      extraRoots: undefined,
      fingerprints: [],
      actionOnFailure: 'defer',
      enforcement: 'enforce',
      cleartextFallback: 'handshake_failure',
      insecureMx: 'dane',
      tlsReports: 'on',
      requireTls: 'enforce',
    },
  });
  expect(inboundRule(settings, 'a.example', { ip: '192.0.2.1', senderDomain: 'b.example' }, today)).toEqual({
    kind: 'rule',
    rule: {
      name: 'tls-peers.ini [inbound]',
      level: 'opportunistic',
      minTlsVersion: 'none',
      actionOnFailure: 'bounce',
      enforcement: 'enforce',
    },
  });
});

test('a bad file of a managed domain holds back that domain only', () => {
  const directory = install({
    'tls-peers/bad.example.ini': '[outbound]\nsecurity_level = mandatroy\n',
    'tls-peers/good.example.ini': '[outbound]\nsecurity_level = mandatory\n',
  });
  const { settings, faults } = loadSettings(directorySource(directory));
  const line =
    'tls-peers/bad.example.ini:2: [outbound]: security_level = mandatroy: no such value; allowed: none, opportunistic, mandatory, ' +
    'verify, opportunistic_dane, mandatory_dane, mta_sts, auto, may, encrypt, dane, dane-only, secure; did you mean mandatory?';
  expect(faults.map(formatFault)).toEqual([line]);
  expect(outboundRule(settings, 'bad.example', 'b.example', today)).toEqual({
    kind: 'invalid',
    failure: { reason: 'config-invalid', text: line },
  });
  expect(outboundRule(settings, 'good.example', 'b.example', today)).toMatchObject({
    rule: { level: 'mandatory', name: 'good.example [outbound]' },
  });
});

test('a bad global file holds back everything', () => {
  const { settings } = loadSettings(
    directorySource(install({ 'tls-peers.ini': '[outbound]\nsecurity_levle = may\n' })),
  );
  expect(outboundRule(settings, '', 'b.example', today)).toMatchObject({
    kind: 'invalid',
    failure: { reason: 'config-invalid' },
  });
  expect(inboundRule(settings, 'x.example', { ip: '::1', senderDomain: '' }, today).kind).toBe('invalid');
});

test('routes are plugins and hosts, in the global file alone', () => {
  const load = (text: string) =>
    loadSettings(directorySource(install({ 'tls-peers.ini': `[outbound]\n${text}` })));
  const routes = [
    'smarthost',
    'queue/my_router',
    'Relay.Example.',
    '::FFFF:192.0.2.1',
    '[2001:DB8::1]',
    'haraka-plugin-x',
    'бюро.example',
  ];
  const { settings, faults } = load(routes.map((route) => `routes[] = ${route}\n`).join(''));
  expect(faults).toEqual([]);
  expect(settings.global.outbound.values.routes).toEqual([
    'smarthost',
    'queue/my_router',
    'Relay.Example.',
    '192.0.2.1',
    '2001:db8::1',
    'x',
    'xn--90a0af9c.example',
  ]);
  expect(load('').settings.global.outbound.values.routes).toBeUndefined();
  for (const wrong of ['smtp://relay.example:587', 'relay.example:25', '*.example', '/abs']) {
    expect(load(`routes = ${wrong}\n`).faults.map(({ key, problem }) => [key, problem])).toEqual([
      ['routes', `${wrong}: neither a plugin nor a host`],
    ]);
  }
  const domain = install({ 'tls-peers/a.example.ini': '[outbound]\nroutes[] = smarthost\n' });
  expect(loadSettings(directorySource(domain)).faults.map(({ key }) => key)).toEqual(['routes']);
});
