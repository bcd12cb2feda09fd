/** The Harakas that scenarios run in: other plugins, and Haraka's own settings for TLS. */
import type { LabOptions } from '../../haraka-test-harness/lab';
import type { Scenario, SurroundingsName } from './scenario';

/** Answers `get_mx` from a file. */
const routing = `
const fs = require('node:fs');
exports.hook_get_mx = (next, hmail, domain) => {
  const route = JSON.parse(fs.readFileSync(process.env.FAULT_ROUTES, 'utf8'))[domain];
  if (route === undefined) return next();
  if (route === 'deny') return next(DENY, 'as the test says');
  if (route === 'denysoft') return next(DENYSOFT, 'as the test says');
  next(OK, route);
};`;

export function surroundings(
  name: SurroundingsName,
  scenarios: readonly Scenario[],
  routesFile: string,
): LabOptions {
  switch (name) {
    case 'plain':
      return {};
    case 'routed':
      return {
        plugins: ['routing', 'tls-peers'],
        ownPlugins: { routing },
        env: { FAULT_ROUTES: routesFile },
      };
    default:
      throw new Error(`${name}: ${scenarios.length} scenarios`);
  }
}
