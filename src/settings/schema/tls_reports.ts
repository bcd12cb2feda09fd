/** What `[tls_reports]` switches on. Pure. */
import type { GlobalSettings } from './types';

type TlsReportsSettings = GlobalSettings['tlsReports'];

/** Whether sessions are counted and their peers told: it is said who reports. */
export function sendsTlsReports({ organization, contact, from }: TlsReportsSettings): boolean {
  return organization !== '' && contact !== '' && from !== '';
}

/** Whether reports of others are read. */
export function receivesTlsReports({ receive }: TlsReportsSettings): boolean {
  return receive.length > 0;
}

export function usesTlsReports(settings: TlsReportsSettings): boolean {
  return sendsTlsReports(settings) || receivesTlsReports(settings);
}
