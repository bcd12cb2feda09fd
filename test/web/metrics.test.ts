import { expect, test } from 'vitest';
import { summed, type Figures } from '../../src/figures';
import { complete, webKeys } from '../../src/settings/schema/keys';
import type { Settings } from '../../src/settings/schema/types';
import { Metrics } from '../../src/web/metrics/metrics';
import type { MetricsFacts } from '../../src/web/shared/metrics_facts';

const hostile = '"}\nfake_metric 1\n# \\ \u202e\u0007<script>';

function metrics(counters: Figures['counters'], facts: Partial<MetricsFacts> = {}) {
  const all: MetricsFacts = {
    policies: {},
    certificates: [],
    exemptions: [],
    peers: [],
    held: {},
    oldestHeld: '',
    isHeldKnown: true,
    reports: { sent: {}, received: 0, failures: {}, rollouts: {} },
    ...facts,
  };
  return new Metrics({
    figures: () => Promise.resolve({ counters, gauges: [], processes: 2 }),
    settings: () => ({ global: { web: complete(webKeys, {}) } }) as unknown as Settings,
    faults: () => [],
    facts: () => Promise.resolve({ status: 200, body: Buffer.from(JSON.stringify(all)) }),
    probe: () => 'not_probed',
    version: '1.0.0',
    now: () => new Date('2026-11-29T12:00:00Z'),
  });
}

test('labels of others stay labels, in one line', async () => {
  const found = await metrics([], {
    certificates: [{ name: hostile, expires: '2026-11-30T12:00:00Z' }],
    peers: [{ managed: '', direction: 'out', peer: hostile, tls: { [hostile]: 3 }, failures: 0 }],
  }).answer('');
  const text = String(found.body);
  expect(text.split('\n').filter((line) => line.startsWith('fake_metric'))).toEqual([]);
  expect(text).not.toContain('\u202e');
  expect(text).not.toContain('\u0007');
  const certificates = text
    .split('\n')
    .filter((line) => line.startsWith('haraka_tls_peers_certificate_expiry_seconds'));
  expect(certificates).toHaveLength(1);
  expect(certificates[0]).toMatch(/ 86400$/);
});

test('reasons for which nothing waits are there, with 0', async () => {
  const text = String((await metrics([]).answer('')).body);
  expect(text).toContain('haraka_tls_peers_held_messages{reason="starttls-not-supported"} 0');
  expect(text).toContain('haraka_tls_peers_oldest_held_seconds 0');
});

test('TLS reports: each state is there, also with 0, and a rollout is in one', async () => {
  const reports = {
    sent: { accepted: 7, given_up: 1 },
    received: 12,
    failures: { 'ours.example': 3 },
    rollouts: { 'ours.example': 'failing' },
  };
  const text = String((await metrics([], { reports }).answer('')).body);
  const values = Object.fromEntries(
    [...text.matchAll(/^haraka_tls_peers_(re\w+|policy_rollout)(\{.*\})? (\d+)$/gm)].map(
      ([, name = '', labels = '', value]) => [name + labels, Number(value)],
    ),
  );
  expect(values).toMatchObject({
    'reports{state="accepted"}': 7,
    'reports{state="given_up"}': 1,
    'reports{state="refused"}': 0,
    received_reports: 12,
    'reported_failures{domain="ours.example"}': 3,
    'policy_rollout{domain="ours.example",state="failing"}': 1,
    'policy_rollout{domain="ours.example",state="safe"}': 0,
  });
});

test('reports that cannot be read keep nothing else back', async () => {
  const { status, body } = await metrics([], { reports: 'not_known' }).answer('');
  expect(status).toBe(200);
  expect(String(body)).not.toContain('haraka_tls_peers_reports{');
  expect(String(body)).toContain('haraka_tls_peers_configuration_faults 0');
});

test('OpenMetrics where it is asked for, with counters by the names that it wants', async () => {
  const count = { name: 'deliveries', labels: { level: 'auto', outcome: 'delivered' }, value: 4 };
  const { headers, body } = await metrics([count]).answer(
    'application/openmetrics-text;version=1.0.0,text/plain;q=0.5',
  );
  expect(headers?.['Content-Type']).toContain('openmetrics-text');
  expect(String(body)).toContain('# TYPE haraka_tls_peers_deliveries counter');
  expect(String(body)).toContain('haraka_tls_peers_deliveries_total{level="auto",outcome="delivered"} 4');
  expect(String((await metrics([count]).answer('*/*')).body)).toContain(
    '# TYPE haraka_tls_peers_deliveries_total counter',
  );
});

test('figures of several processes add up, and ages are the highest', () => {
  const one = (value: number): Figures => ({
    counters: [{ name: 'handshakes', labels: { tls: 'TLSv1.3' }, value }],
    gauges: [{ name: 'oldest_thing', labels: {}, value }],
    processes: 1,
  });
  expect(summed([one(3), one(4)])).toEqual({
    counters: [{ name: 'handshakes', labels: { tls: 'TLSv1.3' }, value: 7 }],
    gauges: [{ name: 'oldest_thing', labels: {}, value: 4 }],
    processes: 2,
  });
});
