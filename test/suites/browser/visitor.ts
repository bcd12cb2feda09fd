/** A person at the page: logs in, goes to a view, waits until it stands. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import type { PageLab } from '../web/page_lab';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface Visitor {
  readonly page: Page;
  /** Everything that the browser complained of. */
  readonly complaints: readonly string[];
  logIn(): Promise<void>;
  /** @param hash such as `#/overview` */
  goTo(hash: string): Promise<void>;
  /** The text of the first element that fits. */
  text(selector: string): Promise<string>;
  /** Serious and critical findings of axe. */
  axe(): Promise<string[]>;
  shot(name: string): Promise<void>;
  close(): Promise<void>;
}

export async function visit(browser: Browser, { base, token }: PageLab, directory: string): Promise<Visitor> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // The log-in itself comes with 401.
    if (message.type() === 'error' && !/401/.test(message.text()))
      complaints.push(`${message.text()} ${message.location().url ?? ''}`);
  });
  page.on('requestfailed', (request) => {
    // Views that are left take back what they asked for.
    const why = request.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') complaints.push(`${request.url()}: ${why}`);
  });
  const settled = () =>
    page.waitForFunction(
      () =>
        document.querySelector('main h1') !== null &&
        document.querySelector('main .loading, main .stale') === null,
      { timeout: 60_000 },
    );
  return {
    page,
    complaints,
    async logIn() {
      await page.goto(base);
      await page.type('#token', token);
      await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')]);
      await settled();
    },
    async goTo(hash) {
      await page.evaluate((to) => {
        location.hash = to;
      }, hash);
      await page.waitForFunction((to) => location.hash === to, {}, hash);
      await settled();
    },
    text: (selector) => page.$eval(selector, (element) => element.textContent),
    async axe() {
      // Below the policy of the page no script of others runs; the debugger's does.
      await page.evaluate(axeSource);
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as {
          axe: {
            run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
          };
        };
        return (await axe.run()).violations;
      });
      return found
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes[0]?.html.slice(0, 160) ?? ''}`);
    },
    async shot(name) {
      await page.screenshot({ path: path.join(directory, `${name}.png`), fullPage: !name.includes('large') });
    },
    close: () => context.close(),
  };
}
