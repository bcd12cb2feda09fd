/** The page on a listener of its own, with two workers: nothing without a credential, and figures that add up. */
import { execFileSync, spawnSync } from 'node:child_process';
import { statSync, writeFileSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPageLab, type PageLab } from './page_lab';

const root = path.resolve(import.meta.dirname, '../../..');
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
if (!hasPromtool) console.warn('SKIPPED: promtool is not here (Debian package prometheus)');

/** Everything that there is to ask for. */
const paths = [
  '',
  'metrics',
  'index.html',
  'anything',
  ...[
    ...[
      'status',
      'domains',
      'peers',
      'peer?peer=a.example',
      'days',
      'overview',
      'traffic',
      'held',
      'failures',
    ],
    ...[
      'impact?set=security_level=verify',
      'explain?to=a.example',
      'certificates',
      'policies',
      'lint',
      'figures',
    ],
  ].map((one) => `api/v1/${one}`),
];

let page: PageLab;
beforeAll(async () => {
  page = await startPageLab(
    {
      domains: {
        'a.example': {},
        'tls12.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
        'bare.example': { mx: [{ behaviour: 'no-starttls' }] },
      },
    },
    {
      workers: 2,
      web: 'metrics_peers = top 5\nhosts = page.example',
      config: { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n' },
    },
  );
}, 60_000);
afterAll(() => page.lab.stop());

/** As it is sent: `fetch` does not let a client name its Host. */
function raw(
  at: string,
  headers: Record<string, string>,
  form?: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const asked = request(
      page.base + at,
      { method: form === undefined ? 'GET' : 'POST', headers: { ...type, ...headers } },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.once('error', reject);
    asked.end(form);
  });
}

describe('who is let in', () => {
  it.each(paths)('nobody without a credential, from loopback either: %s', async (at) => {
    const { status, body } = await raw(at, {});
    expect(status).toBe(401);
    expect(body).not.toContain('ours.example');
  });

  it('nobody whom a header names, where no proxy is trusted', async () => {
    expect(
      (await raw('api/v1/status', { 'x-remote-user': 'admin', 'x-forwarded-for': '127.0.0.1' })).status,
    ).toBe(401);
  });

  it('the token as a bearer, but not in an address', async () => {
    expect((await page.get('api/v1/status')).status).toBe(200);
    expect((await raw(`api/v1/status?token=${page.token}`, {})).status).toBe(401);
  });

  it('nobody under a foreign name, with the token either', async () => {
    const authorization = `Bearer ${page.token}`;
    for (const [host, status] of [
      ['evil.example', 421],
      ['page.example', 200],
      ['localhost:1', 200],
      ['[::1]', 200],
      ['127.0.0.1.evil.example', 421],
    ] as const)
      expect((await raw('api/v1/status', { host, authorization })).status, host).toBe(status);
  });

  it('no POST from another page, and no other method', async () => {
    const form = `token=${page.token}`;
    expect((await raw('login', { origin: 'http://evil.example' }, form)).status).toBe(403);
    expect((await raw('login', {}, form)).status).toBe(403);
    expect((await page.get('api/v1/status', { method: 'DELETE' })).status).toBe(405);
    expect((await page.get('', { method: 'POST', body: new URLSearchParams({ a: 'b' }) })).status).toBe(405);
  });

  it('nobody who guesses: the sixth guess in a minute is not looked at', async () => {
    const origin = new URL(page.base).origin;
    // Each worker counts by itself.
    const statuses: number[] = [];
    for (let times = 0; times < 14; times++)
      statuses.push((await raw('login', { origin, connection: 'close' }, 'token=a-guess-at-a-token')).status);
    expect(statuses.slice(0, 5)).toEqual([403, 403, 403, 403, 403]);
    expect(statuses.at(-1)).toBe(429);
  });

  it('makes the token for its owner alone', () => {
    expect(statSync(path.join(page.lab.haraka.directory, 'web/token')).mode & 0o777).toBe(0o600);
  });
});

describe('metrics', () => {
  const value = (text: string, name: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`haraka_tls_peers_${name}`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

  it('add up over workers to what the peers saw, and fall for no worker that dies', async () => {
    const to = ['a.example', 'tls12.example', 'bare.example'];
    for (let times = 0; times < 12; times++)
      await page.lab.deliver({ from: 'x@ours.example', to: `b@${to[times % 3] ?? ''}` });
    const seen = (host: string) => page.lab.peer(host).messages.length;
    const text = await (await page.get('metrics')).text();
    expect(value(text, 'deliveries_total{level="mandatory",outcome="delivered"}')).toBe(
      seen('mx.a.example') + seen('mx.tls12.example'),
    );
    expect(value(text, 'deliveries_total{level="mandatory",outcome="deferred"}')).toBe(4);
    expect(value(text, 'protected_messages_total{tls="TLSv1.2"')).toBe(seen('mx.tls12.example'));
    expect(value(text, 'host_failures_total{reason="starttls-not-supported"}')).toBe(4);
    expect(value(text, 'processes')).toBe(2);

    const workers = execFileSync('ps', ['--ppid', String(page.lab.haraka.pid), '-o', 'pid='], {
      encoding: 'utf8',
    });
    const [worker = 0] = workers.trim().split(/\s+/).map(Number);
    process.kill(worker, 'SIGKILL');
    await page.lab.haraka.waitForLog(/worker \d+ killed by signal/);
    await page.lab.haraka.waitForLog(/the page is served at/, { from: page.lab.haraka.logLines.length });
    const after = await (await page.get('metrics', { headers: { connection: 'close' } })).text();
    expect(value(after, 'deliveries_total')).toBe(value(text, 'deliveries_total'));
  }, 60_000);

  it.runIf(hasPromtool)('are what promtool checks, in both formats', async () => {
    const scrape = await (await page.get('metrics')).text();
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: scrape, encoding: 'utf8' });
    expect(checked.stdout + checked.stderr).toBe('');
    expect(checked.status).toBe(0);
    const open = await page.get('metrics', {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    });
    expect(open.headers.get('content-type')).toContain('openmetrics-text');
    expect((await open.text()).endsWith('# EOF\n')).toBe(true);
  });

  it.runIf(hasPromtool)(
    'have alerts that promtool checks and tests, of families that there are',
    async () => {
      for (const args of [
        ['check', 'rules', 'docs/alerts.yml'],
        ['test', 'rules', 'test/suites/web/alerts_test.yml'],
      ]) {
        const checked = spawnSync('promtool', args, { cwd: root, encoding: 'utf8' });
        expect(`${checked.stdout}${checked.stderr}`).toMatch(/SUCCESS/);
        expect(checked.status).toBe(0);
      }
      const scrape = await (await page.get('metrics')).text();
      const rules = readFileSync(path.join(root, 'docs/alerts.yml'), 'utf8');
      for (const [name] of rules.matchAll(/haraka_tls_peers_\w+/g))
        expect(scrape).toContain(`# TYPE ${name} `);
    },
  );
});

it('counts another token within seconds in each process, and ends the sessions of the last', async () => {
  const file = path.join(page.lab.haraka.directory, 'web/token');
  const another = 'another-token-of-the-operator';
  writeFileSync(file, `${another}\n`);
  const statusWith = async (token: string) =>
    (await raw('api/v1/status', { authorization: `Bearer ${token}`, connection: 'close' })).status;
  // Either worker may answer, and each looks at the file in its own time.
  const inEach = async (token: string) => [await statusWith(token), await statusWith(token)];
  await expect
    .poll(async () => [await inEach(another), await inEach(page.token)], { timeout: 10_000, interval: 500 })
    .toEqual([
      [200, 200],
      [401, 401],
    ]);
});
