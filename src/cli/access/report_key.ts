/** What keeps TLS reports from going by mail at a start. */
import { findDkimKey } from '../../reports/send/dkim_key';
import type { Finding } from '../../settings/checks/check';
import { globalFile } from '../../settings/load/source';
import { sendsTlsReports } from '../../settings/schema/tls_reports';
import type { Settings } from '../../settings/schema/types';

/** To be called as the user that Haraka runs as. @param base Haraka's config directory */
export function judgeReportKey({ global: { tlsReports } }: Settings, base: string): Finding[] {
  if (!sendsTlsReports(tlsReports)) return [];
  const found = findDkimKey(tlsReports, base);
  if (found.kind === 'found') return [];
  const problem = `no TLS report is sent by mail: ${found.text}`;
  const place = { file: globalFile, section: 'tls_reports', key: 'from', value: tlsReports.from };
  return [{ severity: 'warning', fault: { ...place, problem } }];
}
