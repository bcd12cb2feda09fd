/** `records` against the lab: what it prints is zone data, and a domain that publishes it passes `test`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { callIn } from './lab_call';

interface Report {
  readonly records: readonly { owner: string; type: string; data: string; state: string }[];
  readonly remarks: readonly string[];
}

const mx = 'mx.ours.example';
let lab: Lab;

beforeAll(async () => {
  lab = await startLab(
    { domains: { 'ours.example': { dnssec: 'secure', mx: [{ certificate: { kind: 'private-ca' } }] } } },
    {
      config: {
        'tls-peers.ini': '[hosting]\nlisten = 203.0.113.9:443, [2001:db8::9]:443, 0.0.0.0:8443\n',
        'tls-peers/ours.example.ini': `[mta_sts]\nmode = enforce\nmx[] = ${mx}\n`,
        'tls-peers/theirs.example.ini': '[outbound]\nsecurity_level = mandatory_dane\n',
      },
    },
  );
  const { chainPem, keyPem } = lab.peer(mx).certificate;
  await lab.haraka.writeConfig('tls_cert.pem', chainPem);
  await lab.haraka.writeConfig('tls_key.pem', keyPem);
}, 60_000);

afterAll(() => lab.stop());

const report = async (...options: string[]) => {
  const { code, out } = await callIn(lab, ['records', '--json', ...options, 'ours.example']);
  return { code, ...(JSON.parse(out) as Report) };
};

/** Publishes what is missing, in the lab's DNS. */
function publish({ records }: Report): void {
  const names = new Set(
    records.filter(({ type }) => type === 'TLSA' || type === 'TXT').map(({ owner }) => owner),
  );
  for (const name of names) {
    const here = records.filter(({ owner }) => owner === name);
    const [{ type }] = here as [Report['records'][number]];
    if (type === 'TXT') {
      lab.dns.set({
        name,
        type: 'TXT',
        records: here.map(({ data }) => ({ type: 'TXT', text: data.slice(1, -1) })),
      });
    } else {
      const tlsa = here.map(({ data }) => {
        const [usage = '', selector = '', matchingType = '', hex = ''] = data.split(' ');
        return {
          type: 'TLSA' as const,
          usage: Number(usage),
          selector: Number(selector),
          matchingType: Number(matchingType),
          data: Buffer.from(hex, 'hex'),
        };
      });
      lab.dns.set({ name, type: 'TLSA', records: tlsa });
    }
  }
}

test('a domain that publishes what `records` prints passes `test` at mandatory_dane', async () => {
  const before = await report();
  expect(before.code).toBe(1);
  expect(before.records.map(({ owner, type, state }) => `${owner} ${type} ${state}`)).toEqual([
    '_mta-sts.ours.example TXT missing',
    'mta-sts.ours.example A missing',
    'mta-sts.ours.example AAAA missing',
    '_smtp._tls.ours.example TXT missing',
    `_25._tcp.${mx} TLSA missing`,
    `_25._tcp.${mx} TLSA missing`,
  ]);
  expect(before.records.map(({ data }) => data.slice(0, 6)).slice(-2)).toEqual(['3 1 1 ', '2 1 1 ']);
  const from = ['--from', 'me@theirs.example'];
  expect((await callIn(lab, ['test', ...from, 'ours.example'])).code).toBe(1);

  publish(before);
  const after = await report();
  expect(after.records.filter(({ type }) => type.startsWith('T')).map(({ state }) => state)).toEqual([
    'published',
    'published',
    'published',
    'published',
  ]);
  expect(after.remarks).toEqual([]);
  const tested = await callIn(lab, ['test', ...from, 'ours.example']);
  expect(tested.out).toContain('dane 3 1 1');
  expect(tested.code).toBe(0);
}, 60_000);

test('a record for a key that is not here is named, and one for the key to come is printed', async () => {
  const keys = mkdtempSync(path.join(tmpdir(), 'tls-peers-next-'));
  try {
    const next = path.join(keys, 'next.pem');
    execFileSync('openssl', ['genpkey', '-algorithm', 'ED25519', '-out', next], { stdio: 'ignore' });
    const withNext = await report('--next', next);
    expect(withNext.records.filter(({ data }) => data.startsWith('3 1 1 '))).toHaveLength(2);
    publish(withNext);
    const { remarks, code } = await report();
    expect(remarks).toEqual([
      expect.stringMatching(/^_25\._tcp\.mx\.ours\.example\. IN TLSA 3 1 1 .*.*no key that was found here$/),
    ]);
    expect(code).toBe(1);
  } finally {
    rmSync(keys, { recursive: true });
  }
}, 30_000);

const nsd = spawnSync('nsd-checkzone', ['-h']).error === undefined;

test.skipIf(!nsd)('what `records` prints is valid zone data to NSD', async () => {
  const { out } = await callIn(lab, ['records', '--offline', 'ours.example']);
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-zone-'));
  try {
    const file = path.join(directory, 'zone');
    const apex =
      'ours.example. 3600 IN SOA ns.ours.example. me.ours.example. 1 2 3 4 5\nours.example. IN NS ns.ours.example.\n';
    writeFileSync(file, `${apex}ns.ours.example. IN A 203.0.113.1\n${out}`);
    const { stdout, status } = spawnSync('nsd-checkzone', ['-p', 'ours.example', file], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/_mta-sts\t3600\tIN\tTXT\t"v=STSv1; id=[0-9a-f]{32};"/);
    expect(stdout.match(/IN\s+TLSA\s+[23] 1 1 [0-9a-fA-F]{64}/g)).toHaveLength(2);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('Haraka sends no issuer with a certificate of config/tls, so that there is no record for it', async () => {
  const { chainPem, keyPem } = lab.peer(mx).certificate;
  await rm(path.join(lab.haraka.directory, 'config/tls_cert.pem'));
  await lab.haraka.writeConfig('tls/ours.pem', chainPem + keyPem);
  const { records } = await report('--offline');
  expect(records.flatMap(({ type, data }) => (type === 'TLSA' ? [data.slice(0, 5)] : []))).toEqual(['3 1 1']);
});

test('a policy host without an address is named, unless the listeners tell one', async () => {
  const remark = 'mta-sts.far.example. has no address: it needs an A or AAAA record that leads to this host';
  await lab.haraka.writeConfig('tls-peers/far.example.ini', '[mta_sts]\nmode = none\n');
  await lab.haraka.writeConfig(
    'tls-peers.ini',
    `[resolver]\nservers = ${lab.dns.address}\n[hosting]\nlisten = 0.0.0.0:8443\n`,
  );
  const of = async () => {
    const { code, out } = await callIn(lab, ['records', '--json', 'far.example']);
    return { code, remarks: (JSON.parse(out) as Report).remarks };
  };
  expect((await of()).remarks).toContain(remark);
  lab.dns.set({
    name: 'mta-sts.far.example',
    type: 'A',
    records: [{ type: 'A', address: '203.0.113.9' }],
  });
  expect((await of()).remarks).not.toContain(remark);
}, 30_000);
