/** The Harakas that behaviours are run through, and how long they wait. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { harakaDirectory } from '../../../haraka-test-harness/haraka_directory';
import { iniText } from '../../../haraka-test-harness/ini';
import type { HarakaOptions } from '../../../haraka-test-harness/haraka';
import { timeoutKeys } from '../../../src/settings/schema/keys';
import type { Column } from './behaviour';

/** Seconds. A peer that is `late` is so for stock Haraka, whose one time-out is for everything; the suite still waits. */
export const stockTimeout = 4;
export const late = 6;
export const wireTimeouts = {
  greeting: 9,
  ehlo: 4,
  mail: 4,
  rcpt: 4,
  data: 4,
  data_block: 4,
  final_dot: 9,
  quit: 1,
  attempt: 20,
} as const;
/** A peer that says nothing for so long has outlasted every time-out but that of a whole attempt. */
export const never = 60;

/**
 * The `[timeouts]` section that says the above. A key that the schema does not have is left out: the defaults are minutes
 * then, and behaviours that need it hang.
 */
export function timeoutsSection(): { readonly text: string; readonly missing: readonly string[] } {
  const wanted = Object.entries({ tls_handshake: 3, ...wireTimeouts });
  const known = wanted.filter(([key]) => Object.hasOwn(timeoutKeys, key));
  return {
    text: iniText({ timeouts: Object.fromEntries(known.map(([key, value]) => [key, String(value)])) }),
    missing: wanted.map(([key]) => key).filter((key) => !Object.hasOwn(timeoutKeys, key)),
  };
}

/** Answers `get_mx` from a file. */
const routing = `
const fs = require('node:fs');
exports.hook_get_mx = (next, hmail, domain) => {
  const route = JSON.parse(fs.readFileSync(process.env.WIRE_ROUTES, 'utf8'))[domain];
  if (route === undefined) return next();
  next(OK, route);
};`;

/** The whole file: Haraka does without none of it. */
function shippedConnectionIni(): string {
  return readFileSync(path.join(harakaDirectory(), 'config/connection.ini'), 'utf8');
}

export interface ColumnNeeds {
  /** The domain that messages come from. */
  readonly senderDomain: string;
  readonly routesFile: string;
}

export function harakaOf(column: Column, needs: ColumnNeeds): HarakaOptions {
  const shared: HarakaOptions = {
    plugins: ['routing'],
    ownPlugins: { routing },
    env: { WIRE_ROUTES: needs.routesFile },
    outbound: { connect_timeout: String(stockTimeout) },
    // Haraka folds longer lines as it takes a message.
    config: {
      'connection.ini': shippedConnectionIni().replace(
        /^;?\s*data_line_length\s*=.*$/m,
        'data_line_length = 200000',
      ),
    },
    dsn: 'send',
    logLevel: 'protocol',
  };
  if (column === 'stock') return shared;
  const rule = { security_level: column };
  return {
    ...shared,
    plugins: ['routing', 'tls-peers'],
    // The lab's DNS server shares a process with all the peers.
    resolver: { timeout: '6', deadline: '20' },
    config: {
      ...shared.config,
      // The null sender belongs to no managed domain.
      'tls-peers.ini': timeoutsSection().text + iniText({ outbound: rule }),
      [`tls-peers/${needs.senderDomain}.ini`]: iniText({ outbound: rule }),
    },
  };
}
