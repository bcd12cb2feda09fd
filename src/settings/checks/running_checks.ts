/**
 * The checks that a Haraka runs when it starts and when it takes in a change: what its operator has to hear of in the log.
 * They are among those of `tls-peers lint` as well.
 */
import { bypassingPlugins } from './bypassing_plugins';
import { check, warnings, type Check, type Finding, type Occasion, type Seen } from './check';
import { strayFiles } from './domain_files';
import { exemptionEnds } from './exemptions';
import { inboundConflicts } from './inbound_conflicts';
import { weakenedDefaults } from './weakened_defaults';

const always: readonly Occasion[] = ['lint', 'start', 'reload'];

// prettier-ignore
export const runningChecks = {
  exemptionEnds: check({ name: 'exemptions that end', looksAt: 'files', at: always, find: (files) => warnings(exemptionEnds(files)) }),
  weakenedDefaults: check({ name: 'weakened defaults', looksAt: 'files', at: always, find: (files) => warnings(weakenedDefaults(files)) }),
  bypassingPlugins: check({ name: 'bypassing plugins', looksAt: 'files', at: always, find: (files) => warnings(bypassingPlugins(files)) }),
  inboundConflicts: check({ name: 'inbound conflicts', looksAt: 'files', at: always, find: (files) => warnings(inboundConflicts(files)) }),
  strayFiles: check({ name: 'stray files', looksAt: 'files', at: always, find: ({ source }) => warnings(strayFiles(source)) }),
} as const satisfies Record<string, Check>;

/** What they find now, in their order. */
export function runningFindings(occasion: Exclude<Occasion, 'lint'>, seen: Seen): Finding[] {
  return Object.values<Check>(runningChecks)
    .filter(({ at }) => at.includes(occasion))
    .flatMap(({ run }) => run(seen));
}
