/**
 * Parts of the suite that stand in files of their own beside the running one, and are loaded when they are first needed. The
 * file that delivers imports nothing of them but types, and hands over what they need.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as evidence from './evidence/store/bundle';
import type * as web from './web/bundle';
import type * as hosting from './hosting/bundle';
import type * as reception from './reports/reception_bundle';
import type * as reports from './reports/bundle';
import type * as sessions from './reports/worker_bundle';

/** What each of them exports. scripts/build.mjs makes them, under these names. */
interface Bundles {
  readonly evidence: typeof evidence;
  readonly web: typeof web;
  readonly hosting: typeof hosting;
  readonly sessions: typeof sessions;
  readonly reception: typeof reception;
  readonly reports: typeof reports;
}

/** @throws Error where the file is not there, or cannot be run */
export function loadBundle<Name extends keyof Bundles>(name: Name): Bundles[Name] {
  const load = createRequire(__filename);
  return load(path.join(__dirname, `${name}.cjs`)) as Bundles[Name];
}
