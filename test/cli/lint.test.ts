import { chmodSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { call, configDirectory } from './call';

let remove: () => void = () => undefined;

afterEach(() => remove());

function install(files: Record<string, string>): string {
  const made = configDirectory(files);
  ({ remove } = made);
  return made.directory;
}

/** What is said about `files`, without DNS. */
async function lint(files: Record<string, string>, ...options: string[]) {
  return call(['lint', '--offline', '-c', install(files), ...options]);
}

/** One fault: a line of a file, and what has to be said about it. */
type Faulty = [line: string, expected: RegExp];

const inGlobalFile: Faulty[] = [
  ['security_level = auto', /: security_level = auto: no key may stand above the first section$/],
  ['[outbound]', /^$/],
  [
    'security_level = madatory',
    /\[outbound\]: security_level = madatory: no such value; allowed: none, .*; did you mean mandatory\?$/,
  ],
  [
    'min_tls_verison = 1.2',
    /\[outbound\]: min_tls_verison = 1.2: no such key here; allowed: .*; did you mean min_tls_version\?$/,
  ],
  ['[inbound]', /^$/],
  [
    'security_level = verify',
    /\[inbound\]: security_level = verify: no such value; allowed: opportunistic, mandatory, may, encrypt$/,
  ],
  ['[resolver]', /^$/],
  ['servers = localhost', /servers = localhost: localhost: no resolver address; allowed: .*tls:/],
  ['trust_ad = ture', /trust_ad = ture: neither true nor false; allowed: true, false; did you mean true\?$/],
  [
    'dnssec_probe = a..b',
    /dnssec_probe = a\.\.b: no domain name; allowed: a domain name, or \. for the root$/,
  ],
  ['timeout = soon', /timeout = soon: no whole number; allowed: a whole number from 1 to 30 \(seconds\)$/],
  ['deadline = 61', /deadline = 61: out of range; allowed: a whole number from 1 to 60 \(seconds\)$/],
  [
    '[cahce]',
    /\[cahce\]: no such section; allowed: outbound, outbound PEER, inbound, .*; did you mean cache\?$/,
  ],
  [
    '[outbound 192.0.2.1]',
    /\[outbound 192\.0\.2\.1\]: mail goes to domains, not to addresses; allowed: a domain, \*\. and a domain$/,
  ],
  ['[timeouts]', /^$/],
  ['decision = 5 ; seconds', /decision = 5 ; seconds: no whole number \(a comment needs a line of its own\)/],
  ['[hosting]', /^$/],
  [
    'listen = 443',
    /listen = 443: 443: no address and port; allowed: a list of: address:port, IPv6 in brackets$/,
  ],
];

const inDomainFile: Faulty[] = [
  [
    'status = enable',
    /: status = enable: no such value; allowed: enabled, disabled; did you mean enabled\?$/,
  ],
  ['[outbound]', /^$/],
  [
    'min_tls_version = 1.20',
    /min_tls_version = 1\.20: no such value; allowed: none, 1\.0, 1\.1, 1\.2, 1\.3; did you mean 1\.2\?$/,
  ],
  ['match = hostnam', /match = hostnam: hostnam: no name to match; allowed: .*; did you mean hostname\?$/],
  [
    'fingerprints = ab:cd',
    /fingerprints = ab:cd: ab:cd: no SHA-256 fingerprint; allowed: a list of: 64 hex digits/,
  ],
  ['ca_file = missing.pem', /ca_file = missing\.pem: no such file$/],
  [
    'exempt_until = 2026-02-30',
    /exempt_until = 2026-02-30: no day of the calendar; allowed: a day such as 2026-12-31$/,
  ],
  ['enforcement =', /\[outbound\]: enforcement: empty; allowed: enforce, monitor$/],
  ['insecure_mx', /\[outbound\]: insecure_mx: has no value$/],
  ['[outbound Partner.example]', /^$/],
  ['security_level = mandatory', /^$/],
  ['security_level = none', /security_level = none: the key stands twice, first at line \d+$/],
  [
    '[outbound partner.example.]',
    /\[outbound partner\.example\.\]: partner\.example stands twice, first at line \d+$/,
  ],
  [
    '[outbound 192.0.2.1]',
    /\[outbound 192\.0\.2\.1\]: mail goes to domains, not to addresses; allowed: a domain, \*\. and a domain$/,
  ],
  ['[outbound *]', /\[outbound \*\]: no peer; allowed: .*; did you mean \[outbound\]\?$/],
  [
    '[inbound 203.0.113.7/24]',
    /\[inbound 203\.0\.113\.7\/24\]: bits are set behind the prefix; allowed: .*; did you mean \[inbound 203\.0\.113\.0\/24\]\?$/,
  ],
  [
    '[inbound a b]',
    /\[inbound a b\]: no peer; allowed: a domain, \*\. and a domain, an address or a network$/,
  ],
  [
    '[inbuond x.example]',
    /\[inbuond x\.example\]: no such section; allowed: .*; did you mean \[inbound x\.example\]\?$/,
  ],
  ['[inbound x.example] ; theirs', /Haraka ignores this line, it is no `key = value`$/],
  ['[mta_sts]', /\[mta_sts\]: mode enforce needs at least one mx \(RFC 8461 section 3\.2\)$/],
  ['mode = enforce', /^$/],
  [
    'max_age = 31557601',
    /max_age = 31557601: out of range; allowed: a whole number from 1 to 31557600 \(seconds\)$/,
  ],
  ['key_file = tls/key.pem', /\[mta_sts\]: key_file: needs certificate_file beside it$/],
];

const textOf = (lines: readonly Faulty[]) => `${lines.map(([line]) => line).join('\n')}\n`;

test('every fault of a directory full of them is reported with its file and line', async () => {
  const { code, out } = await lint({
    'tls-peers.ini': textOf(inGlobalFile),
    'tls-peers/example.com.ini': textOf(inDomainFile),
    'tls-peers/Example.org.ini': '; nothing\n',
    'tls-peers/example.org.ini': '; nothing\n',
    'tls-peers/not_a domain.ini': '; nothing\n',
  });
  const expected = [
    ...inGlobalFile.map(([, problem], index) => ({ place: `tls-peers.ini:${index + 1}`, problem })),
    { place: 'tls-peers/Example.org.ini', problem: /the same domain as tls-peers\/example\.org\.ini$/ },
    ...inDomainFile.map(([, problem], index) => ({
      place: `tls-peers/example.com.ini:${index + 1}`,
      problem,
    })),
    { place: 'tls-peers/example.org.ini', problem: /the same domain as tls-peers\/Example\.org\.ini$/ },
    { place: 'tls-peers/not_a domain.ini', problem: /the file name is no domain name with \.ini behind it$/ },
  ].filter(({ problem }) => problem.source !== '^$');
  const reported = out
    .filter((line) => line.startsWith('fault    '))
    .map((line) => line.slice('fault    '.length));
  expect(reported.map((line) => line.split(': ')[0])).toEqual(expected.map(({ place }) => place));
  for (const [index, { problem }] of expected.entries()) expect(reported[index]).toMatch(problem);
  expect(expected.length).toBeGreaterThanOrEqual(30);
  expect(out.at(-1)).toMatch(new RegExp(`^${expected.length} faults, 0 warnings in \\d+ files below /`));
  expect(code).toBe(1);
});

test('no fault hides another one', async () => {
  const { out } = await lint({
    'tls-peers.ini': `[resovler]
timeout = soon
[inbound partner.example]
security_level = verify
[resolver]
servers = one, 127.0.0.1, two
`,
    'tls-peers/example.com.ini': `[inbound 203.0.113.0/33]
security_level = verify
[inbuond x.example]
min_tls_version = x
[outbound a.example]
security_level = stong
[outbound a.example]
security_level = verfiy
match[] = hostnam
match[] = hostname
match[] = nexthopp, ,dot-nexthops
[nonsense]
any = thing
`,
  });
  expect(out.slice(0, -1).map((line) => line.replace(/; allowed: .*?(?=; did you|$)/, ''))).toEqual([
    'fault    tls-peers.ini:1: [resovler]: no such section; did you mean resolver?',
    'fault    tls-peers.ini:2: [resovler]: timeout = soon: no whole number',
    'fault    tls-peers.ini:4: [inbound partner.example]: security_level = verify: no such value',
    'fault    tls-peers.ini:6: [resolver]: servers = one, 127.0.0.1, two: one: no resolver address',
    'fault    tls-peers.ini:6: [resolver]: servers = one, 127.0.0.1, two: two: no resolver address',
    'fault    tls-peers/example.com.ini:1: [inbound 203.0.113.0/33]: no peer',
    'fault    tls-peers/example.com.ini:2: [inbound 203.0.113.0/33]: security_level = verify: no such value',
    'fault    tls-peers/example.com.ini:3: [inbuond x.example]: no such section; did you mean [inbound x.example]?',
    'fault    tls-peers/example.com.ini:4: [inbuond x.example]: min_tls_version = x: no such value',
    'fault    tls-peers/example.com.ini:6: [outbound a.example]: security_level = stong: no such value',
    'fault    tls-peers/example.com.ini:7: [outbound a.example]: the section stands twice, first at line 5',
    'fault    tls-peers/example.com.ini:8: [outbound a.example]: security_level = verfiy: the key stands twice, first at line 6',
    'fault    tls-peers/example.com.ini:8: [outbound a.example]: security_level = verfiy: no such value; did you mean verify?',
    'fault    tls-peers/example.com.ini:9: [outbound a.example]: match = hostnam: hostnam: no name to match; did you mean hostname?',
    'fault    tls-peers/example.com.ini:11: [outbound a.example]: match = nexthopp, ,dot-nexthops: nexthopp: no name to match; did you mean nexthop?',
    'fault    tls-peers/example.com.ini:11: [outbound a.example]: match = nexthopp, ,dot-nexthops: dot-nexthops: no name to match; did you mean dot-nexthop?',
    'fault    tls-peers/example.com.ini:12: [nonsense]: no such section',
  ]);
});

test.each([
  ['TLSv1.2', '1.2'],
  ['TLS1.3', '1.3'],
  ['tls 1.2', '1.2'],
  ['1.20', '1.2'],
  ['v1.1', '1.1'],
  ['1.3+', '1.3'],
  ['nonee', 'none'],
  ['1.4', ''],
  ['1.5', ''],
  ['2', ''],
  ['SSLv3', ''],
])('min_tls_version = %s suggests %j', async (value, suggestion) => {
  const { out } = await lint(
    { 'tls-peers/a.example.ini': `[outbound]\nmin_tls_version = ${value}\n` },
    '--json',
  );
  const { faults } = JSON.parse(out.join('\n')) as { faults: { suggestion: string }[] };
  expect(faults.map((one) => one.suggestion)).toEqual([suggestion]);
});

test.each([
  ['::1:53', ['[::1]:53']],
  ['2001:db8::1:853, 2001:db8::2', ['[2001:db8::1]:853']],
  ['[::1]:53', []],
  ['::1', []],
  ['2001:db8::53', []],
  ['2001:db8:0:0:0:0:1:53', []],
])('servers = %s may be meant as %j', async (servers, meant) => {
  const { code, out } = await lint({ 'tls-peers.ini': `[resolver]\nservers = ${servers}\n` });
  const said = out
    .slice(0, -1)
    .map(
      (line) =>
        /^warning {2}tls-peers\.ini:2: \[resolver\]: servers = .*: is an address without a port; did you mean (.*)\?$/.exec(
          line,
        )?.[1],
    );
  expect([code, said]).toEqual([0, meant]);
});

test.each(['outbound', 'inbound'])('the global [%s] cannot lapse: nothing is behind it', async (section) => {
  const { code, out } = await lint({ 'tls-peers.ini': `[${section}]\nexempt_until = 2026-12-31\n` });
  expect(code).toBe(1);
  expect(out[0]).toContain(
    `tls-peers.ini:2: [${section}]: exempt_until = 2026-12-31: no such key here; allowed: `,
  );
});

test('nothing is said about the shipped samples', async () => {
  const config = path.resolve(import.meta.dirname, '../../config');
  expect(await call(['lint', '--offline', '-c', config])).toEqual({
    code: 0,
    out: [expect.stringMatching(/^0 faults, 0 warnings in \d+ files? below \/.*\/config$/)],
    err: [],
  });
});

test('what is no Haraka install is not checked, by any command', async () => {
  const directory = install({ 'package.json': '{}', 'config/webpack.js': '' });
  for (const args of [
    ['lint', '--offline'],
    ['explain', '<>', 'peer.example'],
    ['test', 'peer.example'],
  ]) {
    const { code, out, err } = await call([...args, '-c', directory]);
    expect([code, out]).toEqual([3, []]);
    expect(err[0]).toContain(
      `${directory} is no Haraka install: neither it nor its config holds tls-peers.ini, tls-peers, smtp.ini, plugins or the like`,
    );
  }
});

test('a config directory that the caller may not enter is not passed over', async () => {
  const directory = install({ 'config/smtp.ini': '', 'plugins/mine.js': '' });
  const config = path.join(directory, 'config');
  chmodSync(directory, 0o755);
  chmodSync(config, 0);
  // Root may enter every directory.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(64003);
  try {
    const { code, out, err } = await call(['lint', '--offline', '-c', directory]);
    expect([code, out]).toEqual([3, []]);
    expect(err[0]).toMatch(/EACCES: permission denied.*\/config\//);
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(config, 0o755);
  }
});

test.each([['config/smtp.ini'], ['config/tls-peers/a.example.ini'], ['plugins'], ['tls-peers.ini']])(
  'a directory with %s is one',
  async (file) => {
    const { code, out } = await call([
      'lint',
      '--offline',
      '-c',
      install({ [file]: file === 'plugins' ? 'tls-peers\n' : '# nothing\n' }),
    ]);
    expect([code, out.length]).toEqual([0, 1]);
  },
);

test('what was read is named', async () => {
  const { out } = await lint(
    { 'tls-peers/a.example.ini': '', 'outbound.ini': '', 'tls-peers.ini': '' },
    '--json',
  );
  expect(JSON.parse(out.join('\n'))).toMatchObject({
    checked: ['outbound.ini', 'tls-peers.ini', 'tls-peers/a.example.ini'],
  });
});

const head = 'tls-peers/example.com.ini';

test.each<[string, string, string[]]>([
  [
    'an exemption that ends soon',
    '[outbound a.example]\nsecurity_level = none\nexempt_until = 2026-06-28\n',
    [`${head}:3: [outbound a.example]: exempt_until = 2026-06-28: ends in 13 days`],
  ],
  [
    'an exemption that ends today',
    '[outbound]\nexempt_until = 2026-06-15\n',
    [`${head}:2: [outbound]: exempt_until = 2026-06-15: ends today`],
  ],
  [
    'an exemption that has ended',
    '[inbound a.example]\nexempt_until = 2026-06-14\n',
    [`${head}:2: [inbound a.example]: exempt_until = 2026-06-14: has lapsed: the section no longer applies`],
  ],
  ['an exemption that ends in fourteen days', '[outbound a.example]\nexempt_until = 2026-06-29\n', []],
  [
    'an exemption that is stricter than what comes after it',
    '[outbound a.example]\nsecurity_level = verify\nexempt_until = 2027-01-31\n',
    [
      `${head}:3: [outbound a.example]: exempt_until = 2027-01-31: afterwards tls-peers.ini [outbound] applies, and auto does not forbid cleartext`,
    ],
  ],
  [
    'such exemptions at a default and at a wildcard, whose turn comes at once',
    '[outbound]\nsecurity_level = mandatory\nexempt_until = 2027-01-31\n' +
      '[outbound *.a.example]\nsecurity_level = mandatory\nexempt_until = 2027-02-28\n' +
      '[outbound *.b.a.example]\nsecurity_level = verify\nexempt_until = 2027-03-31\n',
    [
      `${head}:3: [outbound]: exempt_until = 2027-01-31: afterwards tls-peers.ini [outbound] applies, and auto does not forbid cleartext`,
      `${head}:6: [outbound *.a.example]: exempt_until = 2027-02-28: afterwards tls-peers.ini [outbound] applies, and auto does not forbid cleartext`,
      `${head}:9: [outbound *.b.a.example]: exempt_until = 2027-03-31: afterwards tls-peers.ini [outbound] applies, and auto does not forbid cleartext`,
    ],
  ],
  [
    'exemptions behind which cleartext stays forbidden, however headers are spaced',
    '[outbound  a.example]\nsecurity_level = verify\nexempt_until = 2027-01-31\n' +
      '[outbound\t*.example]\nsecurity_level = mandatory\n',
    [],
  ],
  [
    'exemptions behind which cleartext stays forbidden',
    '[outbound]\nsecurity_level = mandatory_dane\n' +
      '[outbound a.example]\nsecurity_level = mandatory\nexempt_until = 2027-01-31\n' +
      '[outbound *.c.example]\nsecurity_level = mandatory\n' +
      '[outbound b.c.example]\nsecurity_level = verify\nexempt_until = 2027-01-31\n',
    [],
  ],
  [
    'a minimum version that makes old TLS cleartext',
    '[outbound a.example]\nsecurity_level = opportunistic\nmin_tls_version = 1.3\n',
    [
      `${head}:3: [outbound a.example]: min_tls_version = 1.3: at opportunistic, a peer without TLS 1.3 gets cleartext instead of older TLS; leave min_tls_version out, or set cleartext_fallback`,
    ],
  ],
  [
    'an inherited minimum version that does so',
    '[outbound]\nsecurity_level = mandatory\nmin_tls_version = 1.2\n[outbound a.example]\nsecurity_level = may\n',
    [
      `${head}:5: [outbound a.example]: security_level: at opportunistic, a peer without TLS 1.2 gets cleartext instead of older TLS; leave min_tls_version out, or set cleartext_fallback`,
    ],
  ],
  [
    'such a version where cleartext is ruled out',
    '[outbound a.example]\nsecurity_level = may\nmin_tls_version = 1.3\ncleartext_fallback = never\n',
    [],
  ],
  [
    'such a version where TLS is mandatory',
    '[outbound a.example]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
    [],
  ],
  [
    'a version that PKIX does not go below',
    '[outbound a.example]\nsecurity_level = verify\nmin_tls_version = none\n',
    [
      `${head}:3: [outbound a.example]: min_tls_version = none: at verify, verified connections need TLS 1.2 whatever min_tls_version says`,
    ],
  ],
  [
    'keys without effect',
    '[outbound a.example]\nsecurity_level = mandatory\nmatch = nexthop\ninsecure_mx = may\n',
    [
      `${head}:3: [outbound a.example]: match: has no effect at mandatory`,
      `${head}:4: [outbound a.example]: insecure_mx = may: has no effect at mandatory`,
    ],
  ],
  [
    'a network that two longer ones cover',
    '[inbound 192.0.2.0/24]\n[inbound 192.0.2.0/25]\n[inbound 192.0.2.128/26]\n[inbound 192.0.2.192/26]\n',
    [`${head}:1: [inbound 192.0.2.0/24]: never applies: longer prefixes cover all of its addresses`],
  ],
  [
    'a network that is covered but for a disabled part',
    '[inbound 192.0.2.0/24]\n[inbound 192.0.2.0/25]\n[inbound 192.0.2.128/25]\nstatus = disabled\n',
    [],
  ],
  [
    'names behind rules for every address',
    '[inbound 0.0.0.0/0]\n[inbound ::/0]\n[inbound a.example]\n[inbound]\n',
    [
      `${head}:3: [inbound a.example]: never applies: rules for networks cover every address`,
      `${head}:4: [inbound]: never applies: rules for networks cover every address`,
    ],
  ],
  ['names behind rules for every IPv4 address only', '[inbound 0.0.0.0/0]\n[inbound a.example]\n', []],
  ['a domain that is disabled', 'status = disabled\n[outbound a.example]\nexempt_until = 2026-06-16\n', []],
])('%s', async (_, text, expected) => {
  const { code, out } = await lint({ 'tls-peers/example.com.ini': text });
  expect(out.slice(0, -1)).toEqual(expected.map((line) => `warning  ${line}`));
  expect(code).toBe(0);
});

test('with --strict, a warning counts', async () => {
  const text = '[outbound]\nexempt_until = 2026-06-15\n';
  expect((await lint({ 'tls-peers/example.com.ini': text }, '--strict')).code).toBe(1);
});

test('a file without a word is named, and one with a comment is not', async () => {
  const { code, out } = await lint({
    'tls-peers/a.example.ini': '',
    'tls-peers/b.example.ini': ' \n',
    'tls-peers/c.example.ini': '; the defaults are good\n',
  });
  const rest = 'has no rule of its own; a comment in it says that this is meant';
  expect([code, ...out]).toEqual([
    0,
    `warning  tls-peers/a.example.ini: is empty: a.example ${rest}`,
    `warning  tls-peers/b.example.ini: is empty: b.example ${rest}`,
    expect.stringMatching(/^0 faults, 2 warnings in /),
  ]);
});

test('files beside those of managed domains that look meant are named', async () => {
  const { out } = await lint({
    'tls-peers/example.com': '',
    'tls-peers/.a.ini.swp': '',
    'tls-peers/a.ini~': '',
  });
  expect(out).toEqual([
    'warning  tls-peers/example.com: is not read: its name does not end in .ini',
    expect.stringMatching(/^0 faults, 1 warning in 0 files below /),
  ]);
});

test.each([
  [
    'enable_tls = false\n',
    {},
    1,
    /outbound\.ini:1: enable_tls = false: Haraka will not use TLS, but tls-peers\.ini \[outbound\] asks for auto: mail is deferred where DANE or a policy applies;/,
  ],
  ['enable_tls = flase\n', {}, 1, /outbound\.ini:1: enable_tls = flase: Haraka will not use TLS/],
  ['; enable_tls = false\n', {}, 0, /^0 faults/],
  ['enable_tls = true\n', {}, 0, /^0 faults/],
  ['enable_tls = false\n', { 'tls-peers.ini': '[outbound]\nsecurity_level = may\n' }, 0, /^0 faults/],
  [
    'enable_tls = false\n',
    {
      'tls-peers.ini': '[outbound]\nsecurity_level = may\n',
      'tls-peers/a.example.ini': '[outbound b.example]\nsecurity_level = dane\n',
    },
    1,
    /but a\.example \[outbound b\.example\] asks for opportunistic_dane: mail is deferred where DANE applies;/,
  ],
  [
    'enable_tls = false\n',
    { 'tls-peers.ini': '[outbound]\nsecurity_level = may\ncleartext_fallback = never\n' },
    1,
    /\[outbound\] asks for opportunistic with cleartext_fallback = never: such mail is deferred;/,
  ],
  [
    'enable_tls = false\n',
    { 'tls-peers/a.example.ini': '[outbound b.example]\nsecurity_level = mandatory\n' },
    1,
    /but a\.example \[outbound b\.example\] asks for mandatory: such mail is deferred;/,
  ],
  [
    'enable_tls = false\n',
    { 'tls-peers.ini': '[outbound]\nsecurity_level = mandatory\nenforcement = monitor\n' },
    0,
    /^0 faults/,
  ],
])("Haraka's outbound.ini with %j, beside %j, gives exit code %i", async (text, others, code, expected) => {
  const called = await lint({ ...others, 'outbound.ini': text });
  expect(called.out[0]).toMatch(expected);
  expect(called.code).toBe(code);
});

test('a decision that Haraka would not wait for is named', async () => {
  const { out } = await lint({ plugin_timeout: '20\n' });
  expect(out[0]).toMatch(
    /^warning {2}tls-peers\.ini: \[timeouts\]: decision = 25: Haraka's plugin_timeout is 20 seconds/,
  );
  expect((await lint({ plugin_timeout: '20\n', 'tls-peers.timeout': '0\n' })).out).toEqual([
    expect.stringMatching(/^0 faults, 0 warnings in /),
  ]);
});

test('--json holds the same', async () => {
  const { code, out } = await lint({ 'tls-peers/example.com.ini': 'status = off\n' }, '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out.join('\n'))).toEqual({
    directory: expect.any(String) as unknown,
    checked: ['tls-peers/example.com.ini'],
    policies: [],
    faults: [
      {
        file: 'tls-peers/example.com.ini',
        line: 1,
        section: '',
        key: 'status',
        value: 'off',
        problem: 'no such value',
        allowed: 'enabled, disabled',
        suggestion: '',
        mend: { kind: 'unknown' },
      },
    ],
    warnings: [],
    record: { refused: [], problems: [] },
    notes: [],
  });
});
