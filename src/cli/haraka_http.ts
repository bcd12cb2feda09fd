/** Whether the Haraka of an install can run its http: express comes with nobody, and is looked for from where Haraka stands. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { HttpView } from '../settings/checks/check';

/** @param config Haraka's config directory */
export function harakaHttpIn(config: string): HttpView {
  const harakas = directories(path.resolve(config, '..')).filter((one) =>
    existsSync(path.join(one, 'server.js')),
  );
  if (harakas.length === 0) return { express: 'unknown' };
  return { express: harakas.some(hasExpress) ? 'there' : 'absent' };
}

/** In the install itself, and where npm puts what is installed for all. */
function directories(install: string): string[] {
  const shared = path.resolve(path.dirname(process.execPath), '../lib/node_modules');
  const places = [path.join(install, 'node_modules'), shared, ...nodePaths()];
  return places.flatMap((place) => ['Haraka', 'haraka'].map((name) => path.join(place, name)));
}

function nodePaths(): string[] {
  return (process.env['NODE_PATH'] ?? '').split(path.delimiter).filter((one) => one !== '');
}

function hasExpress(haraka: string): boolean {
  try {
    createRequire(path.join(haraka, 'server.js')).resolve('express');
    return true;
  } catch {
    return false;
  }
}
