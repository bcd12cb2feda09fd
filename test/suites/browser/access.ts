/** Log-in, refusal, log-out; foreign names and foreign pages. */
import { request, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PageLab } from '../web/page_lab';
import type { Look } from './look';
import { visit } from './visitor';

export async function lookAtAccess({ browser, page, checks, directory }: Look): Promise<void> {
  const visitor = await visit(browser, page, directory);
  const { page: tab } = visitor;
  const deepLink = '#/peer?managed=ours.example&direction=out&peer=good.example';
  await tab.goto(page.base + deepLink);
  checks.check(
    'without a session there is the log-in and nothing else',
    (await visitor.text('h1')) === 'TLS peers',
  );
  const logInFindings = await visitor.axe();
  checks.check('axe at the log-in', logInFindings.length === 0, logInFindings.join('; '));
  await visitor.shot('log-in');
  await tab.type('#token', 'not the token at all');
  await Promise.all([tab.waitForNavigation(), tab.click('button[type=submit]')]);
  checks.check('a wrong token is refused', (await visitor.text('[role=alert]')).includes('not the token'));
  await visitor.shot('refused');
  await tab.type('#token', page.token);
  await Promise.all([tab.waitForNavigation(), tab.click('button[type=submit]')]);
  await tab.waitForFunction(() => document.querySelector('main h1')?.textContent === 'good.example');
  checks.check('the log-in leads to the view that was asked for', tab.url().endsWith(deepLink), tab.url());
  const cookies = await tab.browserContext().cookies();
  const [cookie] = cookies;
  checks.check(
    'the session is HttpOnly and SameSite=Strict, and holds no token',
    cookies.length === 1 &&
      cookie?.httpOnly === true &&
      cookie.sameSite === 'Strict' &&
      !cookie.value.includes(page.token),
  );
  checks.check('no address holds the token', !tab.url().includes(page.token));

  // With two workers each answers some of these.
  const session = `${cookie?.name ?? ''}=${cookie?.value ?? ''}`;
  const statuses = await Promise.all(
    Array.from({ length: 20 }, () =>
      statusOf(page, 'api/v1/status', { cookie: session, connection: 'close' }),
    ),
  );
  checks.check(
    'every worker knows the session',
    statuses.every((status) => status === 200),
    statuses.join(' '),
  );
  await lookFromElsewhere({ browser, page, checks, directory }, session);

  await Promise.all([tab.waitForNavigation(), tab.click('header form button')]);
  checks.check('the log-out leads to the log-in', (await visitor.text('h1')) === 'TLS peers');
  const after = await Promise.all(
    Array.from({ length: 20 }, () =>
      statusOf(page, 'api/v1/status', { cookie: session, connection: 'close' }),
    ),
  );
  checks.check(
    'no worker knows the session any more',
    after.every((status) => status === 401),
    after.join(' '),
  );
  await visitor.close();
}

async function lookFromElsewhere({ page, checks, browser, directory }: Look, session: string): Promise<void> {
  const { port } = new URL(page.base);
  checks.check(
    'a foreign Host is refused, with a session as well',
    (await statusOf(page, 'api/v1/status', { host: `evil.example:${port}`, cookie: session })) === 421,
  );
  checks.check(
    'a POST from another page is refused',
    (await statusOf(
      page,
      'api/v1/test',
      { cookie: session, origin: 'http://evil.example' },
      'domain=good.example',
    )) === 403,
  );
  checks.check(
    'so is a log-in that another page sends',
    (await statusOf(page, 'login', { origin: 'http://evil.example' }, `token=${page.token}`)) === 403,
  );
  // A page elsewhere: the browser itself sends what it sends.
  const visitor = await visit(browser, page, directory);
  await visitor.logIn();
  const evil = await serve(
    `<form method="post" action="${page.base}logout"><button>go</button></form><iframe src="${page.base}"></iframe><a href="${page.base}">there</a>`,
  );
  const { port: evilPort } = evil.address() as AddressInfo;
  await visitor.page.goto(`http://localhost:${evilPort}/`);
  const framed = await visitor.page.waitForFrame((frame) => frame !== visitor.page.mainFrame());
  const content = await framed.content().catch(() => '');
  checks.check('it is not framed', !content.includes('Overview') && !content.includes('id="token"'));
  const [answer] = await Promise.all([
    visitor.page.waitForResponse((response) => response.url().endsWith('/logout')),
    visitor.page.click('button'),
  ]);
  checks.check('a form elsewhere cannot log out', answer.status() === 403, String(answer.status()));
  await visitor.page.goto(`http://localhost:${evilPort}/`);
  await visitor.page.click('a');
  await visitor.page.waitForFunction(() => document.querySelector('main h1')?.textContent === 'Overview', {
    timeout: 20_000,
  });
  checks.check('a link elsewhere leads in, with the session', true);
  await visitor.close();
  evil.close();
}

async function serve(body: string): Promise<Server> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** As it is sent: `fetch` would not let a client name its Host or Origin. */
function statusOf(
  { base }: PageLab,
  at: string,
  headers: Record<string, string>,
  form?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const asked = request(
      base + at,
      { method: form === undefined ? 'GET' : 'POST', headers: { ...type, ...headers } },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    asked.once('error', reject);
    asked.end(form);
  });
}
