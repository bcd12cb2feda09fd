/** The certificates of policy hosts. Pure. */
import { lineOf, openIfReadable } from '../load/file';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import type { CertificatesView, FilesView, Finding } from './check';

/** What is wrong in the files that `certificate_file` and `key_file` name, at these keys. */
export function namedCertificates({ named }: CertificatesView, { source, settings }: FilesView): Finding[] {
  return named.flatMap(({ domain, key, file: value, severity, problem, mend }) => {
    const managed = settings.domains.get(domain);
    if (managed === undefined) return [];
    const { file } = managed;
    const line = lineOf(openIfReadable(source, file), 'mta_sts', key);
    return [{ severity, fault: { file, line, section: 'mta_sts', key, value, problem, mend } }];
  });
}

/** What a Haraka that starts now would say of the certificates in `certificate_directory`. */
export function certificateDirectory({ directory }: CertificatesView): Fault[] {
  return directory.map((problem) => ({ file: globalFile, section: 'hosting', problem }));
}
