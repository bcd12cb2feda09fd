/** What the page says of TLS reports is what the command says. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silent } from '../../src/log';
import { dayBefore, utcDay } from '../../src/peers/day';
import { appendEntries } from '../../src/reports/store/journal';
import { storeReport } from '../../src/reports/store/received_files';
import { createSessionWriter } from '../../src/reports/store/session_files';
import { presentOwner } from '../../src/state/owner';
import type { ReceivedReport } from '../../src/tlsrpt/received';
import { Desk } from '../../src/web/api/desk';
import { reportFacts } from '../../src/web/api/reports';
import { Router } from '../../src/web/api/router';
import { main } from '../../src/cli/main';
import { configDirectory } from '../cli/call';

const now = new Date();
const yesterday = dayBefore(utcDay(now), 1);
const owner = presentOwner();
let config: ReturnType<typeof configDirectory>;
let desk: Desk;
let router: Router;

beforeAll(async () => {
  config = configDirectory({
    'config/tls-peers.ini':
      '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\n' +
      'receive = tls@ours.example\ntrusted_reporters = big.example\n',
    'config/tls-peers/ours.example.ini': '[mta_sts]\nmode = testing\nmx = mx.ours.example\n',
  });
  const directory = path.join(config.directory, 'tls-reports');
  mkdirSync(directory, { mode: 0o700 });
  const place = { directory, owner };
  const writer = createSessionWriter({
    directory,
    owner,
    log: silent,
    days: 10,
    maxDomains: 100,
    now: () => new Date(`${yesterday}T12:00:00Z`),
  });
  for (const domain of ['one.example', 'two.example', 'three.example'])
    writer.count([
      {
        domain,
        mode: 'on',
        policy: { type: 'no-policy-found', domain },
        result: 'success',
        details: { mxHost: '', receivingIp: '', sendingIp: '', helo: '' },
      },
    ]);
  await writer.flush();
  writer.close();
  const entry = { at: now.getTime(), text: '' } as const;
  await appendEntries(place, yesterday, [
    { ...entry, domain: 'one.example', uri: 'mailto:a@one.example', state: 'queued' },
    { ...entry, domain: 'one.example', uri: 'mailto:a@one.example', state: 'accepted' },
    { ...entry, domain: 'one.example', uri: 'https://one.example/', state: 'failed', text: 'answered 500' },
    { ...entry, domain: 'two.example', uri: '', state: 'unwanted', text: 'it asks for no reports' },
  ]);
  await appendEntries(place, dayBefore(yesterday, 1), [
    { ...entry, domain: 'one.example', uri: 'mailto:a@one.example', state: 'accepted' },
  ]);
  await storeReport(
    place,
    { at: now.getTime(), managed: 'ours.example', signer: 'big.example', report: report(2, 3) },
    'trusted',
  );
  await storeReport(
    place,
    { at: now.getTime(), managed: 'ours.example', signer: 'small.example', report: report(1, 50) },
    'others',
  );
  desk = new Desk(path.join(config.directory, 'config'));
  router = new Router(desk);
});
afterAll(() => config.remove());

function report(id: number, failed: number): ReceivedReport {
  const begin = Date.parse(`${yesterday}T00:00:00Z`);
  return {
    organization: 'Big',
    contact: '',
    id: `${id}@big.example`,
    begin,
    end: begin + 86_399_000,
    policies: [
      {
        type: 'sts',
        domain: 'ours.example',
        text: ['version: STSv1', 'mode: testing', 'mx: mx.ours.example'],
        mx: ['mx.ours.example'],
        successful: 10,
        failed,
        failures: [
          {
            type: 'certificate-expired',
            code: '',
            mxHost: 'mx.ours.example',
            receivingIp: '',
            sendingIp: '',
            count: failed,
          },
        ],
      },
    ],
  };
}

async function command(...args: string[]): Promise<Record<string, unknown>> {
  const out: string[] = [];
  const output = {
    print: (line: string) => void out.push(line),
    complain: (line: string) => void out.push(line),
    progress: () => undefined,
    colour: false,
    width: undefined,
  };
  await main([...args, '-c', path.join(config.directory, 'config'), '--json'], { output, env: {}, now });
  return JSON.parse(out.join('\n')) as Record<string, unknown>;
}

async function ask(of: string, query: readonly (readonly [string, string])[] = []) {
  const process = { pid: 1, version: '', resolver: [], probedAt: '', faults: [] };
  const reply = await router.answer({ id: 1, method: 'GET', path: of, query, gzip: false, process });
  return reply.kind === 'json' ? (JSON.parse(JSON.stringify(reply.document)) as object) : reply.records;
}

test('reports to others: as reports --json, and how many came to what', async () => {
  const { reports, problems } = await command('reports');
  expect(reports).toHaveLength(5);
  expect(await ask('reports')).toEqual({
    sends: true,
    states: { accepted: 2, failed: 1, unwanted: 1 },
    reports,
    problems,
  });
});

test('a journal that grows is read again', async () => {
  const before = (await reportFacts(desk)).sent;
  const directory = path.join(config.directory, 'tls-reports');
  await appendEntries({ directory, owner }, yesterday, [
    { domain: 'one.example', uri: 'https://one.example/', state: 'given_up', at: now.getTime(), text: '' },
  ]);
  expect([before['failed'], (await reportFacts(desk)).sent]).toEqual([
    1,
    { accepted: 2, given_up: 1, unwanted: 1 },
  ]);
});

test('of many, the newest days come first', async () => {
  expect(await ask('reports', [['top', '2']])).toMatchObject({
    reports: [{ day: yesterday }, { day: yesterday }],
  });
});

test('reports of others: as reports --received --json', async () => {
  const view = await command('reports', '--received');
  expect(view['rows']).toHaveLength(4);
  expect(await ask('received')).toEqual({ receives: true, ...view });
});

test('metrics count what trusted reporters tell of', async () => {
  expect(await reportFacts(desk)).toMatchObject({
    received: 2,
    failures: { 'ours.example': 3 },
    rollouts: { 'ours.example': 'failing' },
  });
});

test('as CSV', async () => {
  expect(await ask('received', [['format', 'csv']])).toHaveLength(5);
  expect(await ask('reports', [['format', 'csv']])).toHaveLength(6);
});
