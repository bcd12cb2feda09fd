/** What others report of the policies of managed domains, as far as it says when to enforce them. */
import path from 'node:path';
import { testedPolicies, type TestedPolicy } from '../reports/view/received_view';
import { receivesTlsReports } from '../settings/schema/tls_reports';
import type { Settings } from '../settings/schema/types';
import type { Context } from './command';
import { ownerOfState } from './install';

export type PolicyNote = TestedPolicy;

/** Of policies that are tested. Never rejects: where reports cannot be read, nothing is said of them. */
export async function reportedPolicies(
  { directory, now }: Pick<Context, 'directory' | 'now'>,
  settings: Settings,
): Promise<PolicyNote[]> {
  const { tlsReports } = settings.global;
  if (settings.validity.kind === 'invalid' || !receivesTlsReports(tlsReports)) return [];
  try {
    const place = {
      directory: path.resolve(directory, '..', tlsReports.directory),
      owner: ownerOfState(directory),
    };
    return await testedPolicies({ settings, place, now });
  } catch {
    return [];
  }
}
