/** With several workers: what all of them find out is said once, and what a resolver is to blame for is said of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { freePort } from '../../haraka-test-harness/name_servers';
import { forwardUdp } from '../suites/policy_map/forward';

const peers = Array.from({ length: 6 }, (_, i) => `peer${i}.example`);
let lab: Lab;
let disconnect: () => Promise<void>;
let connect: () => Promise<void>;

beforeAll(async () => {
  const at = { address: '127.0.0.1', port: await freePort() };
  lab = await startLab(
    {
      domains: Object.fromEntries(
        peers.map((peer) => [peer, { dnssec: 'secure', mx: [{ tlsa: ['match'] }] }]),
      ),
    },
    {
      workers: 2,
      retryIntervals: '5s*20',
      resolver: { servers: `${at.address}:${at.port}`, timeout: '1', deadline: '3' },
      config: { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory_dane\n' },
    },
  );
  connect = async () => {
    disconnect = await forwardUdp(at, {
      address: '127.0.0.1',
      port: Number(lab.dns.address.split(':').at(-1)),
    });
  };
  await connect();
  // From its start on it has a resolver that answers.
  const from = now();
  await lab.haraka.restart();
  await lab.haraka.waitForLog(/validates DNSSEC/, { from });
  await othersToo();
}, 60_000);

afterAll(async () => {
  await lab.stop();
  await disconnect();
});

const said = (from: number, pattern: RegExp): readonly string[] =>
  lab.haraka.logLines.slice(from).filter((line) => line.includes('[tls-peers]') && pattern.test(line));
/** Nothing is to be heard of the other processes, so that there is nothing to wait for: they look every second. */
const othersToo = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 2_500));
const now = (): number => lab.haraka.logLines.length;

test('a changed rule is one line', async () => {
  const from = now();
  const rule = '[outbound]\nsecurity_level = mandatory_dane\nmin_tls_version = 1.3\n';
  await lab.haraka.writeConfig('tls-peers/ours.example.ini', rule);
  await lab.haraka.waitForLog(/min_tls_version: \(not set\) -> 1\.3/, { from });
  await othersToo();
  expect(said(from, / -> 1\.3/)).toHaveLength(1);
}, 30_000);

test('a resolver that goes is one line, and one that comes back; nothing is said of the peers', async () => {
  const from = now();
  await disconnect();
  disconnect = () => Promise.resolve();
  const messages = await Promise.all(
    peers.flatMap((peer) => [1, 2].map((i) => lab.send({ from: `me${i}@ours.example`, to: `you@${peer}` }))),
  );
  const first = await Promise.all(messages.map(({ id }) => lab.outcome(id)));
  expect(first.map(({ status }) => status)).toEqual(messages.map(() => 'deferred'));
  await lab.haraka.waitForLog(/did not answer the DNSSEC probe/, { from });
  await connect();
  const last = await Promise.all(
    messages.map(({ id }) => lab.outcome(id, { wanted: 'settled', timeoutMs: 40_000 })),
  );
  expect(last.map(({ status }) => status)).toEqual(messages.map(() => 'delivered'));
  await lab.haraka.waitForLog(/answers again, and validates DNSSEC/, { from });
  expect(said(from, /did not answer/)).toHaveLength(1);
  expect(said(from, /answers again/)).toHaveLength(1);
  expect(said(from, /mail to .* is (?:held up|delivered again)/)).toEqual([]);
}, 90_000);
