/** Haraka starts as root and goes on as another user: what the page makes is that user's. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startPageLab, type PageLab } from './page_lab';

let page: PageLab | undefined;
afterEach(() => page?.lab.stop());

it.runIf(process.geteuid?.() === 0)('makes the token for the user that Haraka runs as', async () => {
  page = await startPageLab({ domains: {} }, { user: 'nobody' });
  const { uid, mode } = statSync(path.join(page.lab.haraka.directory, 'web/token'));
  expect([uid, mode & 0o777]).toEqual([Number(execFileSync('id', ['-u', 'nobody'])), 0o600]);
  expect((await page.get('api/v1/status')).status).toBe(200);
  expect(await page.json('api/v1/peers')).toMatchObject({ total: 0 });
});
