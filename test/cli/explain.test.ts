import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { call, configDirectory } from './call';

const { directory, remove } = configDirectory({
  'tls-peers.ini': '[outbound]\naction_on_failure = bounce\n',
  'tls-peers/example.com.ini': `[outbound]
security_level = verify

[outbound *.partner.example]
match = nexthop
comment = by contract

[outbound a.partner.example]
status = disabled

[outbound *.a.partner.example]
exempt_until = 2026-06-14
security_level = none

[inbound 192.0.2.0/24]
security_level = mandatory
`,
  'tls-peers/broken.example.ini': 'status = maybe\n',
});

afterAll(remove);

const explain = (...args: string[]) => call(['explain', '--offline', '-c', directory, ...args]);

test('every candidate is shown with its place and why it lost, every key with the line that set it', async () => {
  const { code, out } = await explain('me@example.com', 'you@a.partner.example');
  expect(code).toBe(0);
  expect(out.join('\n'))
    .toBe(`Mail from me@example.com to you@a.partner.example is held to a verified certificate (example.com [outbound *.partner.example], tls-peers/example.com.ini:4); DNS was not asked what that comes to.

managed      example.com (tls-peers/example.com.ini)
rule         example.com [outbound *.partner.example]

disabled   example.com [outbound a.partner.example]  tls-peers/example.com.ini:8  status = disabled
wins       example.com [outbound *.partner.example]  tls-peers/example.com.ini:4
outranked  example.com [outbound]                    tls-peers/example.com.ini:1  example.com [outbound *.partner.example] comes first
outranked  tls-peers.ini [outbound]                  tls-peers.ini:1              example.com [outbound *.partner.example] comes first

security_level      verify             tls-peers/example.com.ini:2
min_tls_version     (not set)          default
match               nexthop            tls-peers/example.com.ini:5
ca_file             (not set)          default
fingerprints        (not set)          default
action_on_failure   bounce             tls-peers.ini:2
enforcement         enforce            default
cleartext_fallback  handshake_failure  default
insecure_mx         dane               default
tls_reports         (not set)          default
requiretls          enforce            default
comment             by contract        tls-peers/example.com.ini:6`);
});

test('a section that has lapsed says so', async () => {
  const { out } = await explain('example.com', 'x.a.partner.example');
  expect(out).toContainEqual(expect.stringMatching(/^lapsed .* exempt_until = 2026-06-14 has passed$/));
});

test.each([
  [['<>', 'a.example'], 'managed      none: the null sender belongs to no managed domain'],
  [['me@other.example', 'a.example'], 'managed      none: other.example is not managed'],
  [['<me@Example.com>', 'a.example'], 'managed      example.com (tls-peers/example.com.ini)'],
  [
    ['--inbound', '--ip', '192.0.2.7', '<>', 'me@example.com'],
    'managed      example.com (tls-peers/example.com.ini)',
  ],
])('explain %j says %j', async (args, expected) => {
  expect((await explain(...args)).out[2]).toBe(expected);
});

test('an inbound rule is explained by the address of the client', async () => {
  const { out } = await explain('--inbound', '--ip', '192.0.2.7', 'you@partner.example', 'me@example.com');
  expect(out[3]).toBe('rule         example.com [inbound 192.0.2.0/24]');
});

test('without an address, the rules for networks that might win are counted', async () => {
  const text = `[inbound 192.0.2.0/24]
[inbound 2001:db8::1]
[inbound 198.51.100.0/24]
status = disabled
[inbound 203.0.113.0/24]
exempt_until = 2026-06-14
`;
  const { directory: networks, remove: removeNetworks } = configDirectory({
    'tls-peers/many.example.ini': text,
  });
  const said = async (to: string, ...args: string[]) => {
    const called = await call(['explain', '--inbound', '-c', networks, ...args, 'you@a.example', to]);
    return called.out.filter((line) => line.startsWith('warning'));
  };
  const left = '2 rules for networks were left out: name the client with --ip';
  expect(await said('many.example')).toEqual([`warning  ${left}`]);
  expect(await said('many.example', '--ip', '192.0.2.1')).toEqual([]);
  expect(await said('other.example')).toEqual([]);
  const { out } = await call(['explain', '--inbound', '--json', '-c', networks, '<>', 'many.example']);
  expect(JSON.parse(out.join('\n'))).toMatchObject({ warnings: [left] });
  removeNetworks();
});

test('a domain whose file is not valid has no rule', async () => {
  const { code, out } = await explain('me@broken.example', 'you@a.example');
  expect([code, out]).toEqual([
    1,
    [
      'invalid  tls-peers/broken.example.ini:1: status = maybe: no such value; allowed: enabled, disabled',
      'a Haraka that starts now would hold this mail; one that is running keeps the last good rules that it has',
    ],
  ]);
});

test('--json holds the rule, the candidates and the origins', async () => {
  const { out } = await explain('--json', 'example.com', 'b.partner.example');
  expect(JSON.parse(out.join('\n'))).toMatchObject({
    kind: 'explained',
    rule: { name: 'example.com [outbound *.partner.example]', level: 'verify', match: [{ kind: 'nexthop' }] },
    candidates: [{ outcome: 'wins' }, { outcome: 'outranked' }, { outcome: 'outranked' }],
    keys: expect.arrayContaining([
      { key: 'security_level', value: 'verify', origin: 'tls-peers/example.com.ini:2' },
    ]) as unknown,
  });
});

test.each([
  [['explain', 'one.example'], 2, 'FROM and TO are needed'],
  [['explain', '--ip', '192.0.2.1', 'a', 'b'], 2, '--ip goes with --inbound'],
  [['explain', '--inbound', '--ip', '192.0.2', 'a', 'b'], 2, 'no address: 192.0.2'],
  [['lint', 'extra'], 2, 'unexpected: extra'],
  [['lint', '--colour'], 2, "Unknown option '--colour'"],
  [['lint', '-c', '/nonexistent'], 3, '/nonexistent is no directory'],
  [['export'], 2, 'one DOMAIN is needed'],
  [['export', 'unknown.example'], 3, 'unknown.example is not managed'],
  [['import', 'example.com', '/nonexistent.csv'], 3, '/nonexistent.csv: ENOENT'],
  [['no-such'], 2, 'no such command: no-such'],
  [['help', 'no-such'], 2, 'no such command: no-such'],
  [[], 2, 'usage: tls-peers COMMAND'],
])('the call %j ends with %i and says %j', async (args, code, message) => {
  const called = await call(args, { HARAKA: directory });
  expect([called.code, called.out]).toEqual([code, []]);
  expect(called.err[0]).toContain(message);
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await call(['--version'])).toEqual({ code: 0, out: [version], err: [] });
});

test.each([
  [['explain', '--json', 'me@', 'b.example'], 2, 'neither an address nor a domain: "me@"'],
  [['export', '--json', 'unknown.example'], 3, 'unknown.example is not managed: it has no file'],
  [['lint', '--json', '-c', '/nonexistent'], 3, '/nonexistent is no directory'],
  [['lin', '--json'], 2, 'no such command: lin'],
])('with --json, the error of %j is the document', async (args, code, message) => {
  const { out, ...called } = await call(args, { HARAKA: directory });
  expect(called.code).toBe(code);
  expect(JSON.parse(out.join('\n'))).toEqual({ error: { command: args[0], code, message } });
});

test('with --json and without a command, the error is the document', async () => {
  const { code, out } = await call(['--json']);
  const error = { command: '', code: 2, message: 'a COMMAND is needed' };
  expect([code, JSON.parse(out.join('\n'))]).toEqual([2, { error }]);
});

test.each([
  ['-c', directory, '--json'],
  [`-c${directory}`, '--json'],
  ['--json', '--config', directory],
  ['--json', `--config=${directory}`],
])('common options may stand before the command: %s', async (...options) => {
  const called = await call([...options, 'explain', '--offline', 'example.com', 'a.example']);
  expect([called.code, JSON.parse(called.out.join('\n'))]).toMatchObject([0, { kind: 'explained' }]);
});

test('help may stand before the command, too', async () => {
  expect(await call(['--help', 'lint'])).toEqual(await call(['lint', '--help']));
  expect((await call(['--help'])).out[0]).toBe('usage: tls-peers COMMAND [-c DIR] [--json] ...');
});

test.each(['lint', 'explain', 'export', 'import'])('%s explains itself', async (command) => {
  const { code, out } = await call([command, '--help']);
  expect([code, out[0]]).toEqual([0, expect.stringContaining(`usage: tls-peers ${command} `)]);
  expect(await call(['help', command])).toEqual({ code, out, err: [] });
});

test('a rule that no plugin applies is explained with a warning', async () => {
  const files = { 'tls-peers/example.com.ini': '[outbound]\nsecurity_level = mandatory\n' };
  const without = configDirectory({ ...files, plugins: 'tls\n' });
  const args = ['explain', '--offline', '-c', without.directory, 'example.com', 'a.example'];
  const warning =
    'plugins: neither tls-peers nor tls-peers/outbound is listed: no outbound rule has an effect, example.com [outbound] included; to mend it, write tls-peers above tls in plugins';
  expect((await call(args)).out.at(-1)).toBe(`warning  ${warning}`);
  expect(JSON.parse((await call([...args, '--json'])).out.join('\n'))).toMatchObject({ warnings: [warning] });
  without.remove();
});

test('what `test` finds comes with the same warning', async () => {
  const files = { 'tls-peers/example.com.ini': '[outbound]\nsecurity_level = mandatory\n' };
  // With a global file that is not valid, nothing is asked of the network.
  const without = configDirectory({ ...files, 'tls-peers.ini': '[outbound', plugins: 'tls\n' });
  const { out } = await call(['test', '-c', without.directory, '--from', 'example.com', 'a.example']);
  expect(out).toContainEqual(expect.stringMatching(/^ {2}warning {2}plugins: neither tls-peers nor /));
  without.remove();
});

test.each([
  [['--by', 'source'], '--by goes with --mx'],
  [['--mx', 'mx.example', '--offline'], '--mx does not go with --offline'],
  [['--mx', 'mx.example,'], '--mx needs hosts, with commas between them'],
  [['--mx', 'mx.example/peer.example/x'], '--mx needs hosts, with commas between them'],
  [['--mx', 'mx.example', '--inbound'], '--mx and --by do not go with --inbound'],
])('explain %j is a wrong call: %s', async (args, problem) => {
  const { code, err } = await call([
    'explain',
    ...args,
    '-c',
    directory,
    'me@example.com',
    'you@peer.example',
  ]);
  expect(code).toBe(2);
  expect(err.join('\n')).toContain(problem);
});
