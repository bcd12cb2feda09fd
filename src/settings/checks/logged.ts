/**
 * The checks that an operator has to hear of in the log: a Haraka runs them when it starts, when a file has changed, and at the
 * beginning of a day. `tls-peers lint` runs them among all others, which no Haraka has to bring along.
 */
import { bypassingPlugins } from './bypassing_plugins';
import { check, warnings, type Finding, type Seen } from './check';
import { strayFiles } from './domain_files';
import { exemptionEnds } from './exemptions';
import { inboundConflicts } from './inbound_conflicts';
import { requireTlsUnkept } from './require_tls';
import { tlsReportsInPart } from './tls_reports';
import { weakenedDefaults } from './weakened_defaults';

// prettier-ignore
export const logged = {
  exemptionEnds: check({ name: 'exemptions that end', looksAt: 'files', find: (files) => warnings(exemptionEnds(files)) }),
  weakenedDefaults: check({ name: 'weakened defaults', looksAt: 'files', find: (files) => warnings(weakenedDefaults(files)) }),
  bypassingPlugins: check({ name: 'bypassing plugins', looksAt: 'files', find: (files) => warnings(bypassingPlugins(files)) }),
  requireTlsUnkept: check({ name: 'REQUIRETLS that is not kept', looksAt: 'files', find: (files) => warnings(requireTlsUnkept(files)) }),
  inboundConflicts: check({ name: 'inbound conflicts', looksAt: 'files', find: (files) => warnings(inboundConflicts(files)) }),
  tlsReportsInPart: check({ name: 'TLS reports in part', looksAt: 'files', find: (files) => warnings(tlsReportsInPart(files)) }),
  strayFiles: check({ name: 'stray files', looksAt: 'files', find: ({ source }) => warnings(strayFiles(source)) }),
};

/** What the log is told, in the order of the checks. */
export function findingsForLog(seen: Seen): Finding[] {
  return Object.values(logged).flatMap(({ run }) => run(seen));
}
