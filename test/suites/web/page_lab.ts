/** A Haraka with the page, and how to ask it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';
import { freePort } from '../../../haraka-test-harness/program';

export interface PageLab {
  readonly lab: Lab;
  /** `http://127.0.0.1:PORT/tls-peers/` */
  readonly base: string;
  /** The token that Haraka has made. */
  readonly token: string;
  /** With the token as a bearer. */
  get(path: string, init?: RequestInit): Promise<Response>;
  json<T>(path: string): Promise<T>;
}

export interface PageLabOptions extends LabOptions {
  /** Further keys of `[web]`. */
  readonly web?: string;
  /** Further sections of tls-peers.ini. */
  readonly ini?: string;
}

export async function startPageLab(
  world: World,
  { web = '', ini = '', ...options }: PageLabOptions = {},
): Promise<PageLab> {
  const port = await freePort();
  const lab = await startLab(world, {
    ...options,
    config: { 'tls-peers.ini': `${ini}\n[web]\nlisten = 127.0.0.1:${port}\n${web}\n`, ...options.config },
  });
  try {
    await lab.haraka.waitForLog(/the page is served at/);
    return pageAt(lab, `http://127.0.0.1:${port}/tls-peers/`);
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

export function pageAt(lab: Lab, base: string): PageLab {
  const token = readFileSync(path.join(lab.haraka.directory, 'web/token'), 'utf8').trim();
  const get: PageLab['get'] = (at, init = {}) =>
    fetch(base + at, {
      redirect: 'manual',
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string> | undefined) },
    });
  return {
    lab,
    base,
    token,
    get,
    json: async <T>(at: string) => (await (await get(at)).json()) as T,
  };
}
