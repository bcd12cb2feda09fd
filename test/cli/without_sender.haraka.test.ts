/** `test` without a sender: the rules of all managed domains count, not those of the null sender alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { callIn } from './lab_call';

interface Report {
  readonly domain: string;
  readonly senders: readonly { readonly sender: string; readonly rule: string }[];
  readonly level: string;
  readonly goes: boolean;
  readonly problems: readonly { readonly host: string; readonly reason: string; readonly text: string }[];
  readonly attempts: readonly { readonly host: string; readonly tlsVersion: string }[];
}

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(
    {
      domains: {
        'plain.example': { mx: [{ behaviour: 'no-starttls' }] },
        'good.example': {},
        'wrong-name.example': { mx: [{ certificate: 'self-signed' }] },
      },
    },
    {
      config: {
        'tls-peers.ini': '[outbound]\nsecurity_level = may\n',
        'tls-peers/strict.example.ini':
          '[outbound plain.example]\nsecurity_level = mandatory\n[outbound good.example]\nsecurity_level = mandatory\n',
        'tls-peers/as-strict.example.ini': '[outbound plain.example]\nsecurity_level = encrypt\n',
        'tls-peers/inherits.example.ini': '',
        'tls-peers/verifies.example.ini': '[outbound]\nsecurity_level = verify\n',
        'tls-peers/off.example.ini': 'status = disabled\n[outbound]\nsecurity_level = mandatory_dane\n',
      },
    },
  );
}, 60_000);

afterAll(() => lab.stop());

async function reports(...args: string[]): Promise<{ code: number; reports: Report[] }> {
  const { code, out } = await callIn(lab, ['test', '--json', ...args]);
  return { code, reports: JSON.parse(out) as Report[] };
}

test('a peer that the rule of one managed domain refuses gives exit code 1', async () => {
  const { code, reports: found } = await reports('plain.example');
  expect(code).toBe(1);
  expect(
    found.map(({ senders, level, goes }) => [senders.map(({ sender }) => sender).join(' '), level, goes]),
  ).toEqual([
    ['as-strict.example strict.example', 'mandatory', false],
    ['inherits.example ', 'opportunistic', true],
    ['verifies.example', 'verify', false],
  ]);
  expect(found[0]!.senders.map(({ rule }) => rule)).toEqual([
    'as-strict.example [outbound plain.example]',
    'strict.example [outbound plain.example]',
  ]);
  expect((await callIn(lab, ['test', '--from', '<>', 'plain.example'])).code).toBe(0);
});

test('for people, each rule says whose mail it is about', async () => {
  const { out } = await callIn(lab, ['test', 'plain.example']);
  const heads = out.split('\n').filter((line) => line.startsWith('plain.example'));
  expect(heads).toEqual([
    'plain.example  mail of as-strict.example, strict.example  mandatory (as-strict.example [outbound plain.example], and 1 like it)',
    'plain.example  mail of inherits.example, and of no managed domain  opportunistic (tls-peers.ini [outbound])',
    'plain.example  mail of verifies.example  verify (verifies.example [outbound])',
  ]);
});

test('hosts are visited once for each way in which they are greeted', async () => {
  const { connections } = lab.peer('mx.good.example');
  const before = connections.length;
  const { code, reports: found } = await reports('good.example');
  expect([code, found.map(({ level }) => level)]).toEqual([0, ['opportunistic', 'mandatory', 'verify']]);
  // `opportunistic` offers old TLS, `verify` asks for stronger keys than `mandatory`.
  expect(connections.length - before).toBe(3);
});

test('a host that is refused shows its TLS version', async () => {
  const { reports: found } = await reports('--from', 'verifies.example', 'wrong-name.example');
  expect(found[0]!.attempts[0]).toMatchObject({ tlsVersion: 'TLSv1.3' });
  const { out } = await callIn(lab, ['test', '--from', 'verifies.example', 'wrong-name.example']);
  expect(out).toMatch(/^ {2}refused +mx\.wrong-name\.example +\S+ +TLSv1\.3 TLS_/m);
});

test('a file that is not valid is told apart from a peer that fails', async () => {
  await lab.haraka.writeConfig('tls-peers/broken.example.ini', 'status = maybe\n');
  const { out, code } = await callIn(lab, ['test', '--from', 'me@broken.example', 'good.example']);
  expect(code).toBe(1);
  expect(out).toBe(
    'good.example  mail of broken.example\n' +
      '  config-invalid: tls-peers/broken.example.ini:1: status = maybe: no such value; allowed: enabled, disabled\n' +
      '  a Haraka that starts now would hold this mail; one that is running keeps the last good rules that it has\n',
  );
});

test('a domain that does not exist is said in words', async () => {
  const { code, reports: found } = await reports('--from', '<>', 'nowhere.example');
  expect([code, found[0]!.problems]).toEqual([
    1,
    [{ host: '', reason: 'no_such_domain', text: 'nowhere.example does not exist' }],
  ]);
});
