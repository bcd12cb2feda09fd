import fc from 'fast-check';
import { readdirSync, readFileSync, statSync, chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { formatCsv, parseCsv } from '../../src/cli/csv';
import { locate } from '../../src/settings/ini/locate';
import { testRoot } from '../settings/test_root';
import { call, configDirectory } from './call';

const before = `; our own domain
status = enabled

[outbound]
security_level = auto

; asked for by their postmaster
[outbound Partner.example]
; since 2024
security_level = mandatory
min_tls_version = \\
  1.2
match = nexthop

[outbound old.example]
security_level = none

; the office
[inbound 192.0.2.0/24]
security_level = mandatory
`;

let remove: () => void = () => undefined;
let directory = '';
const file = () => path.join(directory, 'tls-peers/example.com.ini');
const csvFile = () => path.join(directory, 'peers.csv');

function install(csv: string): void {
  ({ directory, remove } = configDirectory({ 'tls-peers/example.com.ini': before, 'peers.csv': csv }));
}

afterEach(() => remove());

const importPeers = (...options: string[]) =>
  call(['import', '-c', directory, ...options, 'example.com', csvFile()]);

test('what is exported and imported again changes nothing', async () => {
  install('');
  const { out } = await call(['export', '-c', directory, 'Example.COM']);
  expect(out.join('\n').split('\r\n')).toEqual([
    'peer,direction,security_level,min_tls_version,status,comment,match',
    'Partner.example,outbound,mandatory,1.2,,,nexthop',
    'old.example,outbound,none,,,,',
    '192.0.2.0/24,inbound,mandatory,,,,',
  ]);
  writeFileSync(csvFile(), out.join('\n'));
  expect(await importPeers('--write', '--prune')).toEqual({ code: 0, out: ['nothing to change'], err: [] });
  expect(readFileSync(file(), 'utf8')).toBe(before);
});

const sha256 = 'ab'.repeat(32);
const everyKey = `[outbound broken.example]
security_level = none
exempt_until = 2026-12-31
comment = until their gateway is replaced

[outbound tls.example]
security_level = may
cleartext_fallback = never
insecure_mx = may
enforcement = monitor
action_on_failure = bounce

[outbound pinned.example]
security_level = verify
fingerprints = ${sha256}, ${sha256.toUpperCase()}
ca_file = roots.pem
match = hostname, *.pinned.example

[inbound 192.0.2.1]
status = disabled
security_level = mandatory
action_on_failure = defer
`;

test('every key of a peer moves to another system', async () => {
  ({ directory, remove } = configDirectory({
    'tls-peers/from.example.ini': everyKey,
    'tls-peers/example.com.ini': '',
    'roots.pem': testRoot,
  }));
  const { out } = await call(['export', '-c', directory, 'from.example']);
  writeFileSync(csvFile(), out.join('\n'));
  expect((await importPeers('--write')).out.at(-1)).toBe('written');
  const sections = (text: string) => locate(text).sections.map(({ name, keys }) => [name, keysOf(keys)]);
  expect(sections(readFileSync(file(), 'utf8'))).toEqual(sections(everyKey));
});

function keysOf(keys: ReadonlyMap<string, { readonly texts: readonly string[] }>): Record<string, string> {
  return Object.fromEntries([...keys].map(([key, { texts }]) => [key, texts.join()]));
}

test('peers of all domains become those of one domain, which has no scope', async () => {
  install(
    'peer,direction,security_level,scope\na.example,outbound,mandatory,all\nb.example,outbound,none,\n',
  );
  const { code, out } = await call(['import', 'example.com', csvFile(), '--write', '-c', directory]);
  expect(code).toBe(0);
  expect(out).toContain(
    `left out  ${csvFile()}:2: scope = all: the peers of a domain stand for that domain alone`,
  );
  expect(readFileSync(file(), 'utf8')).toMatch(/\[outbound a\.example\]\nsecurity_level = mandatory\n/);
  expect(readFileSync(file(), 'utf8')).not.toContain('scope');
});

test('a list has its values in one field, separated by spaces or by commas', async () => {
  install(
    'peer,security_level,match\na.example,verify,hostname nexthop\nb.example,verify,"hostname, x.example"\n',
  );
  expect((await importPeers('--write')).code).toBe(0);
  expect(readFileSync(file(), 'utf8')).toContain(
    '[outbound a.example]\nsecurity_level = verify\nmatch = hostname nexthop\n\n' +
      '[outbound b.example]\nsecurity_level = verify\nmatch = hostname, x.example\n',
  );
});

test('a key that incoming mail does not know is not written for it', async () => {
  install('peer,direction,match\n192.0.2.7,inbound,nexthop\n');
  const { code, err } = await importPeers('--write');
  expect(code).toBe(1);
  expect(err[0]).toMatch(/peers\.csv:2: match = nexthop: no such key here; /);
});

const csv = `peer,security_level,min_tls_version,comment,direction
partner.example,verify,,"needs ""care"", they say",outbound
192.0.2.0/24,mandatory,1.3,,INBOUND
*.new.example,dane-only,,,
`;
const changes = [
  '~ outbound Partner.example: security_level: mandatory -> verify',
  '~ outbound Partner.example: min_tls_version: 1.2 -> (not set)',
  '~ outbound Partner.example: comment: (not set) -> needs "care", they say',
  '~ inbound 192.0.2.0/24: min_tls_version: (not set) -> 1.3',
  '+ outbound *.new.example: security_level = dane-only',
];

test('without --write, the change is shown and not made', async () => {
  install(csv);
  expect(await importPeers()).toEqual({
    code: 0,
    out: [...changes, 'not written: --write makes the change'],
    err: [],
  });
  expect(readFileSync(file(), 'utf8')).toBe(before);
});

test('with --write, everything else in the file stays as it was', async () => {
  install(csv);
  chmodSync(file(), 0o640);
  expect((await importPeers('--write')).out).toEqual([...changes, 'written']);
  expect(readFileSync(file(), 'utf8')).toBe(
    before
      .replace(
        'security_level = mandatory\nmin_tls_version = \\\n  1.2\nmatch = nexthop\n',
        'security_level = verify\nmatch = nexthop\ncomment = needs "care", they say\n',
      )
      .replace(
        '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
        '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
      ) + '\n[outbound *.new.example]\nsecurity_level = dane-only\n',
  );
  expect(statSync(file()).mode & 0o777).toBe(0o640);
  expect(readdirSync(path.dirname(file()))).toEqual(['example.com.ini']);
  expect((await importPeers('--write')).out).toEqual(['nothing to change']);
});

test('with --prune, peers that are not in the CSV file go, and comments on others stay', async () => {
  install(csv);
  const { out } = await importPeers('--prune', '--write');
  expect(out).toContain('- outbound old.example');
  const after = readFileSync(file(), 'utf8');
  expect(after).not.toContain('old.example');
  expect(after).toContain(
    'match = nexthop\ncomment = needs "care", they say\n\n; the office\n[inbound 192.0.2.0/24]',
  );
});

test('only keys whose column the CSV file has are touched, and an empty field takes one out', async () => {
  install('peer,security_level,min_tls_version\npartner.example,verify,\nold.example,none,\n');
  writeFileSync(
    file(),
    before.replace('match = nexthop\n', 'match = nexthop\ncomment = since 2024\nstatus = disabled\n'),
  );
  expect((await importPeers('--write')).out).toEqual([
    '~ outbound Partner.example: security_level: mandatory -> verify',
    '~ outbound Partner.example: min_tls_version: 1.2 -> (not set)',
    'written',
  ]);
  expect(readFileSync(file(), 'utf8')).toContain(
    'security_level = verify\nmatch = nexthop\ncomment = since 2024\nstatus = disabled\n',
  );
});

test('a CSV file of names alone changes no key of a peer that is there', async () => {
  install('peer\npartner.example\nold.example\n');
  expect((await importPeers('--write')).out).toEqual(['nothing to change']);
});

test('what would not be valid is not written', async () => {
  install('peer,security_level\nnew.example,stong\n');
  const { code, err } = await importPeers('--write');
  expect(code).toBe(1);
  expect(err[0]).toMatch(/peers\.csv:2: security_level = stong: no such value; allowed: none, /);
  expect(err[1]).toBe('not written: the file would not be valid');
  expect(readFileSync(file(), 'utf8')).toBe(before);
});

test.each([
  ['peer,levle\n', 'line 1: no such column: levle'],
  ['security_level\nmay\n', 'peer among them'],
  ['peer,TLS Peer\n', 'line 1: TLS Peer: a second column for peer'],
  ['peer\n"a\n', 'line 2: a quote that is not closed'],
  ['peer\n"a"b\n', 'line 2: something follows a closing quote'],
  ['peer\na"b\n', 'line 2: a quote within a field without quotes'],
])('the file %j is no list of peers: %s', async (text, problem) => {
  install(text);
  const { code, err } = await importPeers('--write');
  expect(code).toBe(3);
  expect(err[0]).toContain(problem);
});

test.each([
  ['peer,direction\na.example,sideways\n', ':2: direction = sideways: no such direction'],
  ['peer\na.example\nA.Example.\n', ':3: peer = A.Example.: stands twice, first at line 2'],
  ['peer,comment\na.example,"x\ny"\n', ':2: comment = x\\u{a}y: cannot be written'],
  ['peer,comment\na.example,x\\\n', ':2: comment = x\\: cannot be written'],
  ['peer\na]\n', ':2: peer = a]: cannot be written'],
  ['peer\n,\n', ':2: more fields than columns'],
  ['peer,direction\n192.0.2.1,outbound\n', ':2: peer = 192.0.2.1: mail goes to domains, not to addresses'],
  ['peer\n192.0.2.1/24\n', ':2: peer = 192.0.2.1/24: mail goes to domains, not to addresses'],
  ['peer,ca_file\na.example,none.pem\n', ':2: ca_file = none.pem: no such file'],
  ['peer,exempt_until\n\n"a.example",2026-02-30\n', ':3: exempt_until = 2026-02-30: no day of the calendar'],
])('the CSV file %j has a fault at its own line: %s', async (text, problem) => {
  install(text);
  const { code, err } = await importPeers('--write');
  expect(code).toBe(1);
  expect(err[0]).toContain(`peers.csv${problem}`);
  expect(readFileSync(file(), 'utf8')).toBe(before);
});

test('everything that is wrong with a CSV file is said at once, by line, with values that are no values', async () => {
  install('peer,direction,comment,min_tls_version\n,,,\na.example,up,x\\,\nb.example,,,1.4\nb.example,,,\n');
  const { code, err } = await importPeers('--write');
  expect([code, err.map((line) => line.replace(/^.*peers\.csv:|; allowed.*$/g, ''))]).toEqual([
    1,
    [
      '2: peer: no peer',
      '3: direction = up: no such direction',
      '3: comment = x\\: cannot be written in an INI file',
      '4: min_tls_version = 1.4: no such value',
      '5: peer = b.example: stands twice, first at line 4',
      'not written: the file would not be valid',
    ],
  ]);
});

test.each(['peer;direction;comment\na.example;;\n', 'peer\tdirection\na.example\t\n'])(
  'a file with other separators, %j, is told to use commas',
  async (text) => {
    install(text);
    expect((await importPeers()).err[0]).toMatch(/: the columns are not separated by commas$/);
  },
);

const latin1 = Buffer.from('; für München\n', 'latin1');

test('a file that is not UTF-8 is neither changed nor exported', async () => {
  install('peer,security_level\nnew.example,may\n');
  writeFileSync(file(), latin1);
  const refused = { code: 3, out: [] };
  const problem = 'tls-peers/example.com.ini is not UTF-8: convert it first';
  expect(await importPeers('--write')).toEqual({ ...refused, err: [`tls-peers import: ${problem}`] });
  expect(readFileSync(file())).toEqual(latin1);
  const exported = await call(['export', '-c', directory, 'example.com']);
  expect(exported).toEqual({ ...refused, err: [`tls-peers export: ${problem}`] });
});

test('a CSV file that is not UTF-8 is refused', async () => {
  install('');
  writeFileSync(csvFile(), Buffer.from('peer,comment\na.example,für München\n', 'latin1'));
  const { code, err } = await importPeers('--write');
  expect([code, err]).toEqual([3, [`tls-peers import: ${csvFile()} is not UTF-8: convert it first`]]);
});

test('a byte order mark stays where it is', async () => {
  install('\uFEFFpeer,security_level\nold.example,may\n');
  writeFileSync(file(), `\uFEFF; of ours\n${before}`);
  expect((await importPeers('--write')).code).toBe(0);
  expect(readFileSync(file(), 'utf8')).toMatch(/^\uFEFF; of ours\n/);
});

test('CSV is read back as it was written', () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ü'), maxLength: 6 });
  const records = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
  fc.assert(
    fc.property(records, (of) => {
      expect(parseCsv(formatCsv(of)).map(({ fields }) => fields)).toEqual(of);
    }),
    { numRuns: 1000 },
  );
});
