import type { Day } from '../../../src/peers/day';
import type { Finding } from '../../../src/settings/checks/check';
import { allFindings } from '../../../src/settings/checks/checks';
import type { SettingsSource } from '../../../src/settings/load/source';
import type { Fault } from '../../../src/settings/schema/fault';
import type { Settings } from '../../../src/settings/schema/types';

/** What `lint` finds in the files alone. */
export function findingsIn(
  source: SettingsSource,
  settings: Settings,
  today: Day,
): { readonly faults: Fault[]; readonly warnings: Fault[] } {
  const found = allFindings({ files: { source, settings, today } });
  const of = (wanted: Finding['severity']) =>
    found.filter(({ severity }) => severity === wanted).map(({ fault }) => fault);
  return { faults: of('fault'), warnings: of('warning') };
}
