/** Incoming mail through a real Haraka: what a client hears at RCPT. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harakaDirectory, startLab, type Lab } from '../../haraka-test-harness';
import { freePort } from '../hosting/support/https_client';
import { recipientReplies } from './support/client';
import { tlsConfig } from './support/tls_server';

/** The lab's Haraka lets everybody relay; here only these two may. */
const strangers = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('reset_transaction', 'tell');
  this.register_hook('disconnect', 'tell');
};
exports.tell = function (next, connection) {
  for (const of of ['connection', 'transaction']) {
    const { results } = of === 'connection' ? connection : (connection.transaction ?? {});
    const entry = results?.get('tls-peers');
    if (entry) this.lognotice(of + ' ' + connection.remote.ip + ' ' + JSON.stringify(entry));
  }
  next();
};
exports.estrange = (next, connection) => {
  connection.relaying = connection.remote.ip === '198.51.100.10';
  if (connection.remote.ip === '198.51.100.20') connection.notes.auth_user = 'somebody';
  next();
};
`;

const domains = {
  'plain.example': '',
  'strict.example': '[inbound]\nsecurity_level = mandatory\n',
  'tls13.example': '[inbound]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
  'any.example': '[inbound]\nsecurity_level = mandatory\nmin_tls_version = none\n',
  'soft.example': '[inbound]\nmin_tls_version = 1.2\n',
  'defer.example': '[inbound]\nsecurity_level = mandatory\naction_on_failure = defer\n',
  'watch.example': '[inbound]\nsecurity_level = mandatory\nenforcement = monitor\n',
  'off.example': 'status = disabled\n[inbound]\nsecurity_level = mandatory\n',
  'broken.example': '[inbound]\nsecurity_level = mandatry\n',
  'peers.example': `
[inbound 203.0.113.0/24]
security_level = mandatory
[inbound 203.0.113.66]
security_level = opportunistic
[inbound 2001:db8::/32]
security_level = mandatory
[inbound partner.example]
security_level = mandatory
min_tls_version = 1.3
[inbound *.bank.example]
security_level = mandatory
[inbound old.example]
security_level = mandatory
exempt_until = 2020-01-01
[inbound 198.51.100.0/24]
security_level = mandatory
`,
};

/** Peers of domains that are not managed, and of all domains. */
const shared = `
[inbound 100.64.0.0/16]
security_level = mandatory
[inbound 100.65.0.0/16]
scope = all
security_level = mandatory
[inbound shared.example]
scope = all
security_level = mandatory
`;

const somewhere = '192.0.2.9';
const starttls = '530 5.7.0 Must issue a STARTTLS command first';
const needs12 = '550 5.7.4 TLS 1.2 or later is required, this session uses TLS 1.0';
const needs13 = '550 5.7.4 TLS 1.3 or later is required, this session uses TLS 1.2';
const ok = '250';

interface Case {
  readonly what: string;
  readonly client?: string;
  readonly tls: 'none' | SecureVersion;
  readonly from: string;
  /** The reply to each recipient, or how it begins. */
  readonly to: Readonly<Record<string, string>>;
}

const cases: readonly Case[] = [
  { what: 'no rule, no TLS', tls: 'none', from: 'a@peer.example', to: { 'b@plain.example': ok } },
  { what: 'no rule, TLS 1.0', tls: 'TLSv1', from: 'a@peer.example', to: { 'b@plain.example': ok } },
  { what: 'not managed', tls: 'none', from: 'a@peer.example', to: { 'b@elsewhere.example': ok } },
  { what: 'mandatory, no TLS', tls: 'none', from: 'a@peer.example', to: { 'b@strict.example': starttls } },
  { what: 'mandatory, TLS 1.0', tls: 'TLSv1', from: 'a@peer.example', to: { 'b@strict.example': needs12 } },
  { what: 'mandatory, TLS 1.2', tls: 'TLSv1.2', from: 'a@peer.example', to: { 'b@strict.example': ok } },
  { what: 'mandatory, TLS 1.3', tls: 'TLSv1.3', from: 'a@peer.example', to: { 'b@strict.example': ok } },
  {
    what: '1.3 required, TLS 1.2',
    tls: 'TLSv1.2',
    from: 'a@peer.example',
    to: { 'b@tls13.example': needs13 },
  },
  { what: '1.3 required, TLS 1.3', tls: 'TLSv1.3', from: 'a@peer.example', to: { 'b@tls13.example': ok } },
  { what: 'any version, no TLS', tls: 'none', from: 'a@peer.example', to: { 'b@any.example': starttls } },
  { what: 'any version, TLS 1.0', tls: 'TLSv1', from: 'a@peer.example', to: { 'b@any.example': ok } },
  {
    what: 'a minimum without mandatory, no TLS',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@soft.example': ok },
  },
  {
    what: 'a minimum without mandatory, TLS 1.0',
    tls: 'TLSv1',
    from: 'a@peer.example',
    to: { 'b@soft.example': needs12 },
  },
  {
    what: 'defer, no TLS',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@defer.example': '450 4.7.0 Must issue' },
  },
  {
    what: 'defer, TLS 1.0',
    tls: 'TLSv1',
    from: 'a@peer.example',
    to: { 'b@defer.example': '450 4.7.0 TLS 1.2 or later' },
  },
  { what: 'monitor, no TLS', tls: 'none', from: 'a@peer.example', to: { 'b@watch.example': ok } },
  { what: 'a disabled domain', tls: 'none', from: 'a@peer.example', to: { 'b@off.example': ok } },
  {
    what: 'a file that is not valid',
    tls: 'TLSv1.3',
    from: 'a@peer.example',
    to: { 'b@broken.example': '451 4.3.5' },
  },
  {
    what: 'several domains in one message',
    tls: 'TLSv1.2',
    from: 'a@peer.example',
    to: {
      'b@plain.example': ok,
      'c@tls13.example': needs13,
      'd@strict.example': ok,
      'e@broken.example': '451 4.3.5',
      'f@TLS13.Example': needs13,
    },
  },
  {
    what: 'a network',
    client: '203.0.113.9',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@peers.example': starttls },
  },
  {
    what: 'an address within it',
    client: '203.0.113.66',
    tls: 'none',
    from: 'a@partner.example',
    to: { 'b@peers.example': ok },
  },
  {
    what: 'the address as mapped IPv6',
    client: '::ffff:203.0.113.9',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@peers.example': starttls },
  },
  {
    what: 'an IPv6 network',
    client: '2001:db8::25',
    tls: 'none',
    from: '',
    to: { 'b@peers.example': starttls },
  },
  {
    what: 'outside of every network',
    client: '2001:db9::25',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@peers.example': ok },
  },
  { what: 'a sender domain', tls: 'none', from: 'a@Partner.Example', to: { 'b@peers.example': starttls } },
  {
    what: 'a sender domain, too old',
    tls: 'TLSv1.2',
    from: 'a@partner.example',
    to: { 'b@peers.example': needs13 },
  },
  {
    what: 'a network before the sender',
    client: '203.0.113.9',
    tls: 'TLSv1.2',
    from: 'a@partner.example',
    to: { 'b@peers.example': ok },
  },
  { what: 'a wildcard', tls: 'none', from: 'a@mail.north.bank.example', to: { 'b@peers.example': starttls } },
  {
    what: 'a wildcard, not the domain itself',
    tls: 'none',
    from: 'a@bank.example',
    to: { 'b@peers.example': ok },
  },
  { what: 'an exemption that has passed', tls: 'none', from: 'a@old.example', to: { 'b@peers.example': ok } },
  {
    what: 'the null sender falls under the default',
    tls: 'none',
    from: '',
    to: { 'b@peers.example': ok, 'c@strict.example': starttls },
  },
  {
    what: 'a sender at an address literal',
    tls: 'none',
    from: 'a@[192.0.2.1]',
    to: { 'b@strict.example': starttls },
  },
  {
    what: 'a recipient at an address literal',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@[127.0.0.1]': ok },
  },
  {
    what: 'own client: no rule for senders',
    client: '198.51.100.10',
    tls: 'none',
    from: 'a@partner.example',
    to: { 'b@strict.example': ok },
  },
  {
    what: 'own client: a rule for its address',
    client: '198.51.100.10',
    tls: 'none',
    from: 'a@strict.example',
    to: { 'b@peers.example': starttls },
  },
  {
    what: 'authenticated: no rule for senders',
    client: '198.51.100.20',
    tls: 'none',
    from: 'a@partner.example',
    to: { 'b@strict.example': ok },
  },
  {
    what: 'a peer of domains that are not managed',
    client: '100.64.0.9',
    tls: 'none',
    from: 'a@peer.example',
    to: { 'b@elsewhere.example': starttls, 'c@off.example': starttls, 'd@plain.example': ok },
  },
  {
    what: 'a peer of all domains',
    client: '100.65.0.9',
    tls: 'none',
    from: '',
    to: { 'b@elsewhere.example': starttls, 'c@plain.example': starttls },
  },
  {
    what: 'a sender domain of all domains',
    tls: 'none',
    from: 'a@shared.example',
    to: { 'b@elsewhere.example': starttls, 'c@plain.example': starttls },
  },
  {
    what: 'own client: a sender domain of all domains',
    client: '198.51.100.10',
    tls: 'none',
    from: 'a@shared.example',
    to: { 'b@elsewhere.example': ok },
  },
  {
    what: 'own client, a file that is not valid',
    client: '198.51.100.10',
    tls: 'none',
    from: 'a@x.example',
    to: { 'b@broken.example': '451 4.3.5' },
  },
];

let lab: Lab;
let smtpsPort: number;

beforeAll(async () => {
  const stock = readFileSync(path.join(harakaDirectory(), 'config/connection.ini'), 'utf8');
  smtpsPort = await freePort();
  lab = await startLab(
    { domains: {} },
    {
      plugins: ['tls-peers', 'tls', 'strangers'],
      ownPlugins: { strangers },
      config: {
        ...(await tlsConfig('mail.lab.example')),
        'smtp.ini': `listen=127.0.0.1:0,127.0.0.1:${smtpsPort}\nsmtps_port=${smtpsPort}\nnodes=0\n`,
        'tls-peers.ini': shared,
        'connection.ini': stock.replace(/^hosts\[\] =$/m, 'hosts[] = 127.0.0.1'),
        ...Object.fromEntries(Object.entries(domains).map(([name, ini]) => [`tls-peers/${name}.ini`, ini])),
      },
    },
  );
});
afterAll(() => lab.stop());

describe('each recipient hears what its rule says', () => {
  it.each(cases)('$what ($tls)', async ({ client, tls, from, to }) => {
    const replies = await recipientReplies({
      port: lab.haraka.port,
      proxiedFor: client ?? somewhere,
      tls,
      from,
      to: Object.keys(to),
    });
    expect(replies.map((reply, index) => reply.slice(0, Object.values(to)[index]?.length))).toEqual(
      Object.values(to),
    );
  });

  it('HELO asks for nothing, and could have been EHLO', async () => {
    const to = ['b@strict.example'];
    const visit = {
      port: lab.haraka.port,
      proxiedFor: somewhere,
      tls: 'none',
      hello: 'HELO',
      from: 'a@peer.example',
      to,
    } as const;
    expect(await recipientReplies(visit)).toEqual([starttls]);
  });

  it.each([
    ['TLSv1', needs12],
    ['TLSv1.2', ok],
    ['TLSv1.3', ok],
  ] as const)('TLS from the start counts as TLS (%s)', async (tls, expected) => {
    const [reply] = await recipientReplies({
      port: smtpsPort,
      proxiedFor: somewhere,
      tls,
      begin: 'at_once',
      from: 'a@peer.example',
      to: ['b@strict.example'],
    });
    expect(reply?.slice(0, expected.length)).toBe(expected);
  });

  it('without a proxy it is the address of the connection that counts', async () => {
    const { port } = lab.haraka;
    const visit = {
      port,
      localAddress: '127.0.0.77',
      tls: 'none',
      from: 'a@peer.example',
      to: ['b@strict.example'],
    } as const;
    expect(await recipientReplies(visit)).toEqual([starttls]);
    expect(await lab.haraka.waitForLog(/client=127\.0\.0\.77/)).toMatch(/reason=starttls-not-supported/);
  });
});

it('the log has one line with the rule and what was seen, for all recipients that fared alike', async () => {
  const from = lab.haraka.logLines.length;
  const to = ['b@watch.example', 'c@watch.example', 'd@strict.example'];
  await recipientReplies({
    port: lab.haraka.port,
    proxiedFor: '192.0.2.77',
    tls: 'none',
    from: 'a@once.example',
    to,
  });
  const line = await lab.haraka.waitForLog(/tls-peers inbound refused.*192\.0\.2\.77/, { from });
  expect(line).toMatch(
    /rule="strict\.example \[inbound\]" client=192\.0\.2\.77 from=<a@once\.example> to=<d@strict\.example> tls=none reason=starttls-not-supported text="Must issue a STARTTLS command first" reply="530 5\.7\.0"/,
  );
  const recorded = lab.haraka.logLines.slice(from).filter((one) => /inbound recorded/.test(one));
  expect(recorded).toHaveLength(1);
});

it('a client that no rule is meant for is no news', async () => {
  const from = lab.haraka.logLines.length;
  const visit = { port: lab.haraka.port, tls: 'none', from: 'a@peer.example' } as const;
  await recipientReplies({ ...visit, proxiedFor: '198.51.100.10', to: ['b@strict.example'] });
  await recipientReplies({ ...visit, proxiedFor: '192.0.2.78', to: ['b@soft.example'] });
  await lab.haraka.waitForLog(/inbound admitted rule="soft\.example \[inbound\]" client=192\.0\.2\.78/, {
    from,
  });
  expect(lab.haraka.logLines.slice(from).filter((one) => /inbound admitted/.test(one))).toHaveLength(1);
});

it.each(['connection', 'transaction'])('the results of the %s hold each verdict', async (of) => {
  const visits = [
    ['192.0.2.101', 'b@any.example', 'TLSv1.2', { tls: 'TLSv1.2', pass: ['any.example [inbound]'] }],
    [
      '192.0.2.102',
      'b@any.example',
      'none',
      { tls: 'none', fail: ['starttls-not-supported (any.example [inbound])'] },
    ],
    [
      '192.0.2.103',
      'b@watch.example',
      'none',
      { tls: 'none', msg: ['starttls-not-supported (watch.example [inbound], monitor)'] },
    ],
    ['198.51.100.10', 'b@strict.example', 'none', { tls: 'none', skip: ['own client'] }],
  ] as const;
  for (const [client, to, tls, result] of visits) {
    const from = lab.haraka.logLines.length;
    await recipientReplies({
      port: lab.haraka.port,
      proxiedFor: client,
      tls,
      from: 'a@peer.example',
      to: [to],
    });
    const line = await lab.haraka.waitForLog(new RegExp(`${of} ${client.replaceAll('.', '\\.')} \\{`), {
      from,
    });
    expect(JSON.parse(line.slice(line.indexOf('{')))).toMatchObject(result);
  }
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) process.stderr.write('SKIPPED: the test with openssl s_client, openssl is not installed\n');

it.skipIf(!hasOpenssl)('openssl s_client at TLS 1.0 and 1.3 hears the same', async () => {
  const session = async (version: string): Promise<string> => {
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${lab.haraka.port}`,
      '-bind',
      '127.0.0.78',
      '-starttls',
      'smtp',
    ];
    const client = spawn(
      'openssl',
      [...args, '-crlf', '-quiet', '-ign_eof', version, '-cipher', 'DEFAULT@SECLEVEL=0'],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    client.stdin.end('EHLO c.example\nMAIL FROM:<a@peer.example>\nRCPT TO:<b@strict.example>\nQUIT\n');
    const [heard] = await Promise.all([text(client.stdout), once(client, 'close')]);
    return heard;
  };
  expect(await session('-tls1')).toContain(needs12);
  expect(await session('-tls1_3')).toMatch(/^250 recipient <b@strict\.example> OK/m);
});
