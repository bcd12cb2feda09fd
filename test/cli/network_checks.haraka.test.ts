/** What `lint` learns from DNS, from mail servers and from policy hosts. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import type { DomainSpec } from '../../haraka-test-harness/world';
import { askNetwork } from '../../src/cli/network_checks';
import { hostedFiles } from '../../src/hosting/catalogue';
import { utcDay } from '../../src/peers/day';
import { allFindings } from '../../src/settings/checks/checks';
import { loadSettings } from '../../src/settings/load/load';
import { faultDocument } from '../../src/settings/schema/fault';
import { memorySource } from '../settings/memory_source';
import { callIn } from './lab_call';

const config = {
  'tls-peers/ours.example.ini':
    '[outbound]\nsecurity_level = dane\n[mta_sts]\nmode = enforce\nmx[] = mx1.ours.example\n',
  'tls-peers/covered.example.ini': '[mta_sts]\nmx[] = *.covered.example\n',
  'tls-peers/expired.example.ini': '[mta_sts]\nmode = enforce\nmx[] = mx.expired.example\n',
  'tls-peers/plain.example.ini': '; our own\n\n[mta_sts]\nmode = testing\nmx[] = mx.plain.example\n',
  'tls-peers/unpublished.example.ini': '[mta_sts]\nmode = enforce\nmx[] = mx.unpublished.example\n',
  'tls-peers/lost.example.ini': '[mta_sts]\nmode = enforce\nmx[] = mx.lost.example\n',
  'tls-peers/off.example.ini': 'status = disabled\n[mta_sts]\nmode = enforce\nmx[] = mx.off.example\n',
};

/** As they would be published, but for what makes each worth a warning. */
const domains: Readonly<Record<string, DomainSpec>> = {
  'ours.example': { mx: [{ host: 'mx1.ours.example' }, { host: 'mx2.ours.example' }] },
  'covered.example': {},
  'expired.example': { mx: [{ certificate: 'expired' }] },
  'plain.example': { mx: [{ behaviour: 'no-starttls' }] },
  'unpublished.example': { sts: { txt: [] } },
  'lost.example': { lookups: { MX: 'servfail' } },
  'off.example': { sts: { txt: [] } },
  'unsigned.example': { dnssec: 'insecure' },
};

function published(): Record<string, DomainSpec> {
  const files = hostedFiles(loadSettings(memorySource(config)).settings);
  return Object.fromEntries(
    Object.entries(domains).map(([domain, spec]) => {
      const file = files.get(`mta-sts.${domain}`);
      const sts = file && { id: file.id, policy: file.text, ...spec.sts };
      return [domain, { ...spec, ...(sts && { sts }) }];
    }),
  );
}

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(
    { domains: published() },
    {
      config,
      // A zone that is not signed shows a resolver as one that does not validate.
      resolver: { dnssec_probe: 'unsigned.example', timeout: '1' },
      // Without hosting, Haraka itself looks at nobody.
      plugins: ['tls-peers/outbound'],
    },
  );
}, 60_000);

afterAll(() => lab.stop());

interface Warning {
  readonly file: string;
  readonly line: number;
  readonly section: string;
  readonly problem: string;
}

const expected: readonly RegExp[] = [
  // Not from the network; this lab does without.
  /^plugins:0: \[\]: neither tls-peers nor tls-peers\/hosting is listed/,
  /^tls-peers\.ini:2: \[resolver\]: resolver 127\.0\.0\.1:\d+ does not validate DNSSEC .*unbound.* these ask for it by name: ours\.example \[outbound\]$/,
  /^expired\.example\.ini:1: \[mta_sts\]: mx\.expired\.example \(127.*(?:EXPIRED|expired).*: senders that follow the policy do not deliver there$/,
  /^lost\.example\.ini:1: \[mta_sts\]: its MX records could not be looked up/,
  /^ours\.example\.ini:3: \[mta_sts\]: the MX host mx2\.ours\.example is not covered by any mx of the policy: senders/,
  /^plain\.example\.ini:3: \[mta_sts\]: mx\.plain\.example .*does not offer STARTTLS: with mode = enforce, senders would not/,
  /^unpublished\.example\.ini:1: \[mta_sts\]: no TXT record is published.*_mta-sts\.unpublished\.example TXT should be/,
];

test('each finding is one warning, at the line that it is about; a domain without findings has none', async () => {
  const { code, out } = await callIn(lab, ['lint', '--json']);
  const { faults, warnings } = JSON.parse(out) as { faults: unknown[]; warnings: Warning[] };
  const lines = warnings.map(
    ({ file, line, section, problem }) =>
      `${file.replace('tls-peers/', '')}:${line}: [${section}]: ${problem}`,
  );
  expect(lines).toHaveLength(expected.length);
  for (const [index, pattern] of expected.entries()) expect(lines[index]).toMatch(pattern);
  expect({ code, faults }).toEqual({ code: 0, faults: [] });
});

test('warnings give exit code 1 with --strict', async () => {
  expect((await callIn(lab, ['lint', '--strict'])).code).toBe(1);
});

test('the MX hosts are greeted with the name of this Haraka, and hear nothing of an envelope', () => {
  const [connection] = lab.peer('mx.expired.example').connections;
  expect(connection).toMatchObject({
    cleartext: 'EHLO mail.lab.example\r\nSTARTTLS\r\n',
    encrypted: expect.stringMatching(/^(?:EHLO \S+\r\n)?(?:QUIT\r\n)?$/),
  });
});

test('with --offline, nobody is asked', async () => {
  const questions = lab.dns.questions().length;
  const visits = lab.peer('mx.expired.example').connections.length;
  const { out } = await callIn(lab, ['lint', '--offline']);
  expect(out).toMatch(/^warning {2}plugins: .*\n0 faults, 1 warning in \d+ files below \/.*\n$/);
  expect(lab.dns.questions().length).toBe(questions);
  expect(lab.peer('mx.expired.example').connections.length).toBe(visits);
});

test('what could not be checked in time is named, and so is a resolver that does not answer', async () => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  try {
    await once(silent, 'listening');
    const source = memorySource({
      'tls-peers.ini': `[resolver]\nservers = 127.0.0.1:${silent.address().port}\ntimeout = 1\n[outbound]\nsecurity_level = none\n`,
      'tls-peers/slow.example.ini': '[mta_sts]\nmx = mx.slow.example\n',
    });
    const { settings } = loadSettings(source);
    const network = await askNetwork(settings, {
      ehloName: 'us.example',
      progress: () => undefined,
      rolloutMs: 1,
    });
    const found = allFindings({
      files: { settings, source, today: utcDay(new Date('2026-06-15')) },
      network,
    }).map(({ fault }) => faultDocument(fault));
    expect(found.map(({ file, line, problem }) => `${file}:${line}: ${problem}`)).toEqual([
      expect.stringMatching(/^tls-peers\.ini:2: resolver 127\.0\.0\.1:\d+ did not answer the DNSSEC probe /),
      'tls-peers/slow.example.ini:1: was not checked: out of time',
    ]);
  } finally {
    silent.close();
  }
});
