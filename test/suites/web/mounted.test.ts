/** The page within Haraka's own http, under express 4 and 5. */
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { installExpress, type Installed } from './express';
import { freePort } from '../../../haraka-test-harness/program';
import { pageAt } from './page_lab';

let lab: Lab | undefined;
let express: Installed | undefined;
afterEach(async () => {
  await lab?.stop();
  express?.remove();
  lab = undefined;
});

/** What other plugins of Haraka do: a middleware of their own, at the same hook. */
const neighbour = `
exports.hook_init_http = (next, server) => {
  server.http.app.use('/neighbour', (request, response) => response.send('next door'));
  server.http.app.use((request, response, go) => go());
  next();
};`;

it.each([4, 5] as const)('stands under express %s, before its 404 and beside others', async (version) => {
  const port = await freePort();
  express = installExpress(version);
  lab = await startLab(
    { domains: { 'a.example': {} } },
    {
      plugins: ['neighbour', 'tls-peers'],
      ownPlugins: { neighbour },
      env: { NODE_PATH: express.directory },
      config: {
        'http.ini': `listen=127.0.0.1:${port}\n`,
        'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n',
      },
    },
  );
  await lab.haraka.waitForLog(/the token for the page/);
  const page = pageAt(lab, `http://127.0.0.1:${port}/tls-peers/`);
  const { headers } = await page.get('api/v1/status');
  expect(headers.get('x-powered-by')).toBeNull();
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");

  const slashless = await fetch(page.base.slice(0, -1), { redirect: 'manual' });
  expect([slashless.status, slashless.headers.get('location')]).toEqual([308, '/tls-peers/']);
  expect((await fetch(page.base)).status).toBe(401);
  expect(await (await page.get('')).text()).toContain('<div id="page">');
  expect(await page.json('api/v1/domains')).toMatchObject({ domains: [{ domain: 'ours.example' }] });
  expect((await page.get('metrics')).headers.get('content-type')).toContain('version=0.0.4');
  expect((await page.get('nothing-here')).status).toBe(404);

  const logIn = await fetch(`${page.base}login`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ token: page.token }),
    headers: { origin: new URL(page.base).origin },
  });
  const [cookie = ''] = (logIn.headers.get('set-cookie') ?? '').split(';');
  expect((await fetch(`${page.base}api/v1/status`, { headers: { cookie } })).status).toBe(200);
  const test = await fetch(`${page.base}api/v1/explain?from=ours.example&to=a.example&offline=1`, {
    headers: { cookie },
  });
  expect(await test.json()).toMatchObject({ kind: 'explained' });

  const next = await fetch(`http://127.0.0.1:${port}/neighbour`);
  expect(await next.text()).toBe('next door');
});
