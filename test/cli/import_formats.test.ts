import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { minimumOf } from '../../src/cli/import/policy_protocols';
import { call, configDirectory } from './call';

let remove: () => void = () => undefined;
let directory = '';
const given = () => path.join(directory, 'given');
const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');

function install(text: string, files: Record<string, string> = {}): void {
  ({ directory, remove } = configDirectory({ given: text, plugins: 'tls-peers\n', ...files }));
}

afterEach(() => remove());

const run = async (...args: string[]) => {
  const { code, out, err } = await call(['import', '-c', directory, ...args, given()]);
  const plain = (lines: readonly string[]) => lines.map((line) => line.replaceAll(given(), 'FILE'));
  return { code, out: plain(out), err: plain(err) };
};

const map = `# TLS policy, as kept since 2009

example.edu                 none
example.mil                 may
EXAMPLE.gov\tencrypt protocols=TLSv1.2:TLSv1.3
example.com                 verify,ciphers=high
example.net                 secure
.example.net                secure match=.example.net:example.net
    # a comment within
  match=nexthop

[mail.example.org]:587      secure match=nexthop
thumb.example.org           fingerprint
    match=${'AB:'.repeat(31)}AB
    match=${'cd'.repeat(32)}|${'ef'.repeat(32)}
dane.example                dane
only.example                dane-only protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1 servername=mx.only.example
capped.example              encrypt protocols=>=TLSv1.2:<=TLSv1.2
anchored.example            secure tafile=/etc/ssl/private-ca.pem
/^.*\\.bank$/                secure
"quoted.example"            may exclude=aNULL connection_reuse=yes
m\u00fcller.example              encrypt
`;

test('a Postfix policy map becomes peers of all domains, and what cannot be carried over is named', async () => {
  install(map);
  const { code, out, err } = await run('--global', '--write');
  expect(err).toEqual([]);
  expect(code).toBe(1);
  const rows = [
    'example.edu: security_level = none',
    'example.mil: security_level = opportunistic',
    'EXAMPLE.gov: security_level = mandatory, min_tls_version = 1.2',
    'example.com: security_level = verify, match = hostname',
    'example.net: security_level = verify, match = nexthop, dot-nexthop',
    '*.example.net: security_level = verify, match = *.example.net, example.net, nexthop',
    `thumb.example.org: security_level = verify, fingerprints = ${'AB:'.repeat(31)}AB, ${'cd'.repeat(32)}, ${'ef'.repeat(32)}`,
    'dane.example: security_level = opportunistic_dane',
    'only.example: security_level = mandatory_dane, min_tls_version = 1.2',
    'capped.example: security_level = mandatory, min_tls_version = 1.2',
    'quoted.example: security_level = opportunistic',
    'm\u00fcller.example: security_level = mandatory',
  ];
  expect(out.filter((line) => line.startsWith('+'))).toEqual([
    '+ tls-peers.ini',
    ...rows.map((row) => `+ outbound ${row}, scope = all`),
  ]);
  expect(out.filter((line) => /^(?:no section|left out)/.test(line))).toEqual([
    expect.stringMatching(/^left out {2}FILE:6: ciphers = high: ciphers are those of Node/),
    expect.stringMatching(/^no section {2}FILE:12: destination = \[mail\.example\.org\]:587: a next hop/),
    expect.stringMatching(/^left out {2}FILE:14: match = AB:.*: a digest of a public key/),
    expect.stringMatching(/^left out {2}FILE:15: match = cdcd.*: a digest of a public key/),
    expect.stringMatching(
      /^left out {2}FILE:17: servername = mx\.only\.example: the name that is sent \(SNI\)/,
    ),
    expect.stringMatching(/^left out {2}FILE:18: protocols = >=TLSv1\.2:<=TLSv1\.2: later versions cannot/),
    expect.stringMatching(/^no section {2}FILE:19: tafile = \/etc\/ssl\/private-ca\.pem: ca_file adds/),
    expect.stringMatching(/^no section {2}FILE:20: destination = .*bank.*: a pattern or a path/),
    expect.stringMatching(/^left out {2}FILE:21: exclude = aNULL: /),
    expect.stringMatching(/^left out {2}FILE:21: connection_reuse = yes: /),
  ]);
  expect(out.at(-1)).toBe('written');
  expect((await call(['lint', '--offline', '-c', directory])).code).toBe(0);
  expect((await run('--global', '--write', '--prune')).out.at(-1)).toBe('nothing to change');
  const exported = await call(['export', '-c', directory, '--global']);
  expect(exported.out.join('').split('\r\n')[0]).toBe(
    'peer,direction,security_level,min_tls_version,status,comment,scope,match,fingerprints',
  );
});

test('what an entry no longer says goes, and what it never speaks of stays', async () => {
  install('a.example encrypt\n', {
    'tls-peers.ini':
      '[outbound a.example]\nsecurity_level = verify\nmatch = nexthop\ncomment = ours\nscope = unmanaged\n',
  });
  expect((await run('--global', '--write')).out).toEqual([
    '~ outbound a.example: security_level: verify -> mandatory',
    '~ outbound a.example: match: nexthop -> (not set)',
    '~ outbound a.example: scope: unmanaged -> all',
    'written',
  ]);
  expect(read('tls-peers.ini')).toBe(
    '[outbound a.example]\nsecurity_level = mandatory\ncomment = ours\nscope = all\n',
  );
});

test('everything that is wrong with a policy map is said at once, at its lines, and nothing is written', async () => {
  install(`  stray=1
a.example encyrpt
b.example
c.example encrypt match=nexthop
d.example secure
  matsch=nexthop
e.example encrypt protocols=TLSv1.4
f.example encrypt protocols=!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3
g.example encrypt ciphers=high ciphers=low
h.example encrypt ciphers
i.example fingerprint match=${'ab'.repeat(20)}
j.example may
J.example may
k..example may
l.example secure match=nexthopp
`);
  const { code, err } = await run('--global', '--write');
  expect(code).toBe(1);
  expect(err.map((line) => line.replace(/; allowed: .*?(?=; did|$)/, ''))).toEqual([
    'FILE:1: goes on with no line: stray=1',
    'FILE:2: level = encyrpt: no such level; did you mean encrypt?',
    'FILE:3: destination = b.example: has no level',
    'FILE:4: match = nexthop: not at encrypt: only at verify, secure and fingerprint',
    'FILE:6: attribute = matsch: no such attribute; did you mean match?',
    'FILE:7: protocols = TLSv1.4: TLSv1.4: no such protocol',
    'FILE:8: protocols = !TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3: leaves no version of TLS',
    'FILE:9: ciphers = low: stands twice in one policy',
    'FILE:10: attribute = ciphers: no name=value: a comma ends an attribute (protocols are joined by colons), and blanks stand around no =',
    `FILE:11: match = ${'ab'.repeat(20)}: no SHA-256 (smtp_tls_fingerprint_digest = sha256)`,
    'FILE:13: destination = J.example: stands twice, first at line 12',
    'FILE:14: destination = k..example: no peer',
    'FILE:15: match = nexthopp: nexthopp: no name to match; did you mean nexthop?',
    'not written: the file would not be valid',
  ]);
  expect(existsSync(path.join(directory, 'tls-peers.ini'))).toBe(false);
});

test('a policy map for one managed domain has no scope', async () => {
  install('a.example encrypt\n', { 'tls-peers/ours.example.ini': '; ours\n' });
  expect((await run('--write', 'ours.example')).code).toBe(0);
  expect(read('tls-peers/ours.example.ini')).toBe(
    '; ours\n\n[outbound a.example]\nsecurity_level = mandatory\n',
  );
});

const gateway = `TLS Peer,Status,Minimum TLS version,Security level
partner.example,Enabled,TLS 1.3,Mandatory DANE
*.bank.example,Active,TLSv1.2,Verify
old.example,disabled,No restriction,Opportunistic
sts.example,on,1.2 or higher,MTA-STS
203.0.113.0/24,enabled,TLS 1.2,Mandatory
post.example,enabled,No restriction,dane-only
`;

test("another gateway's list makes a new managed domain", async () => {
  install(gateway);
  const refused = await run('--write', 'new.example');
  expect([refused.code, refused.err]).toEqual([
    3,
    ['tls-peers import: new.example is not managed: it has no file; --create makes it a managed domain'],
  ]);
  const { code, out, err } = await run('--write', '--create', 'New.example');
  expect([code, err]).toEqual([0, []]);
  expect(out).toEqual([
    '+ tls-peers/new.example.ini',
    '+ outbound partner.example: security_level = mandatory_dane, min_tls_version = 1.3, status = enabled',
    '+ outbound *.bank.example: security_level = verify, min_tls_version = 1.2, status = enabled',
    '+ outbound old.example: security_level = opportunistic, min_tls_version = none, status = disabled',
    '+ outbound sts.example: security_level = mta_sts, min_tls_version = 1.2, status = enabled',
    '+ inbound 203.0.113.0/24: security_level = mandatory, min_tls_version = 1.2, status = enabled',
    '+ outbound post.example: security_level = dane-only, min_tls_version = none, status = enabled',
    'written',
  ]);
  expect(statSync(path.join(directory, 'tls-peers/new.example.ini')).mode & 0o777).toBe(0o644);
  expect(
    (await call(['explain', '--offline', '-c', directory, 'new.example', 'x.bank.example'])).out,
  ).toContain('rule         new.example [outbound *.bank.example]');
});

test("a value of another gateway's that nobody knows is told as it stands there", async () => {
  install(
    'TLS Peer,Status,Minimum TLS version,Security level\na.example,Enabled,TLS 1.9,Paranoid\nb.example,Perhaps,SSLv3,Verify\n',
  );
  const { code, err } = await run('--global', '--scope', 'unmanaged');
  expect([code, err.map((line) => line.replace(/; allowed: .*$/, ''))]).toEqual([
    1,
    [
      'FILE:2: Security level = Paranoid: no such value',
      'FILE:2: Minimum TLS version = TLS 1.9: no such value',
      'FILE:3: Minimum TLS version = SSLv3: no such value',
      'FILE:3: Status = Perhaps: no such value',
      'not written: the file would not be valid',
    ],
  ]);
});

test.each([
  ['all', 'scope = all'],
  ['unmanaged', 'scope = unmanaged'],
])('--scope %s says for whom the peers of a list stand', async (scope, line) => {
  install('peer,security_level\na.example,may\n');
  expect((await run('--global', '--scope', scope, '--write')).code).toBe(0);
  expect(read('tls-peers.ini')).toContain(line);
});

test('what is exported from tls-peers.ini and imported again changes nothing', async () => {
  const text =
    '; ours\n[outbound]\nsecurity_level = may\n\n[outbound a.example]\nscope = all\nsecurity_level = encrypt\n\n[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n';
  install('', { 'tls-peers.ini': text });
  const { out } = await call(['export', '-c', directory, '--global']);
  writeFileSync(given(), out.join('\n'));
  expect(await run('--global', '--write', '--prune')).toEqual({
    code: 0,
    out: ['nothing to change'],
    err: [],
  });
  expect(read('tls-peers.ini')).toBe(text);
});

test('a new managed domain without peers has a file that says something, and no peers make no global file', async () => {
  install('peer\n');
  expect((await run('--write', '--create', 'new.example')).out).toEqual([
    '+ tls-peers/new.example.ini',
    'written',
  ]);
  expect(read('tls-peers/new.example.ini')).toBe('; the peers of new.example\n');
  expect((await run('--write', '--global')).out).toEqual(['nothing to change']);
  expect(existsSync(path.join(directory, 'tls-peers.ini'))).toBe(false);
});

test.each([
  [['--global', '--create'], '--create goes with DOMAIN'],
  [['--scope', 'all', 'ours.example'], '--scope goes with --global'],
  [['--global', '--scope', 'some'], '--scope is some, not all or unmanaged'],
  [['--global', '--format', 'xml'], '--format is xml, not csv or postfix'],
  [['--global', 'ours.example'], 'FILE is needed, and no DOMAIN'],
])('import %j is a wrong call: %s', async (args, problem) => {
  install('peer\n');
  const { code, err } = await run(...args);
  expect([code, err[0]]).toEqual([2, expect.stringContaining(problem.replace('all or unmanaged', ''))]);
});

test.each([
  ['', 'none', true],
  ['!SSLv2:!SSLv3', 'none', true],
  ['!SSLv2:!SSLv3:!TLSv1:!TLSv1.1', '1.2', true],
  ['TLSv1', 'none', false],
  ['TLSv1.2:TLSv1.3', '1.2', true],
  ['tlsv1.3', '1.3', true],
  ['>=TLSv1.1', '1.1', true],
  ['>=TLSv1.2:<=TLSv1.3', '1.2', true],
  ['<=TLSv1.2', 'none', false],
  ['!TLSv1.2', 'none', false],
  ['TLSv1.1:TLSv1.3', '1.1', false],
])('protocols=%s is min_tls_version = %s, with every later version: %s', (text, version, exact) => {
  expect(minimumOf(text)).toEqual({ kind: 'minimum', version, exact });
});
