/** What `[tls_reports]` says by halves. Pure. */
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import { sendsTlsReports } from '../schema/tls_reports';
import type { FilesView } from './check';

export function halfSetReports({ settings }: FilesView): Fault[] {
  const { tlsReports } = settings.global;
  const { organization, contact, from, receive } = tlsReports;
  const missing = Object.entries({ organization, contact, from }).filter(([, value]) => value === '');
  const isBegun = missing.length > 0 && missing.length < 3;
  const unmanaged = receive.filter(
    (address) => !settings.domains.has(address.slice(address.lastIndexOf('@') + 1)),
  );
  return [
    ...(isBegun && !sendsTlsReports(tlsReports)
      ? [fault(missing[0]?.[0] ?? '', `is not set: no TLS report is sent without it`)]
      : []),
    ...unmanaged.map((address) =>
      fault('receive', `${address} is at no managed domain: check that its mail comes to this Haraka`),
    ),
  ];
}

function fault(key: string, problem: string): Fault {
  return { file: globalFile, section: 'tls_reports', key, problem };
}
