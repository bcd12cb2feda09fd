/** `[tls_reports]` that is written in part, or that nothing sees to. Pure. */
import { lineOf, openIfReadable } from '../load/file';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import { sendsTlsReports } from '../schema/tls_reports';
import type { FilesView } from './check';

const needed = ['organization', 'contact', 'from'] as const;

/** Keys that say who reports, without the others: nothing is counted, and nobody is told. */
export function tlsReportsInPart({ source, settings }: FilesView): Fault[] {
  const { tlsReports } = settings.global;
  const written = needed.find((key) => tlsReports[key] !== '');
  if (written === undefined || sendsTlsReports(tlsReports)) return [];
  const missing = needed.filter((key) => tlsReports[key] === '').join(' and ');
  const line = lineOf(openIfReadable(source, globalFile), 'tls_reports', written);
  const problem = `no TLS report is sent, and nothing is counted for one, without ${missing}`;
  return [
    { file: globalFile, line, section: 'tls_reports', key: written, value: tlsReports[written], problem },
  ];
}
