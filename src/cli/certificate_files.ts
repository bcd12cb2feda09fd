/** The certificate files of policy hosts, held against what serving a policy takes. */
import { hostedFiles } from '../hosting/catalogue';
import { Certificates } from '../hosting/certificates';
import { namedFileProblems } from '../hosting/named_files';
import { silent } from '../log';
import { fault, type Fault } from '../settings/schema/fault';
import { openFile } from '../settings/load/file';
import { globalFile, type SettingsSource } from '../settings/load/source';
import type { Settings } from '../settings/schema/types';

export interface CertificateFindings {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/**
 * What is wrong in `certificate_file` and `key_file`. Loading does not look: a renewal that is half done must not make the
 * rules of its domain invalid.
 */
export function certificateFindings(
  source: SettingsSource,
  settings: Settings,
  now: Date,
): CertificateFindings {
  const found = { faults: [] as Fault[], warnings: [] as Fault[] };
  for (const { domain, host, certificate } of hostedFiles(settings).values()) {
    if (certificate.kind === 'directory') continue;
    const { certificateFile, keyFile } = certificate;
    const named = (name: string) => ({ name, reading: source.read(name) });
    const problems = namedFileProblems(named(certificateFile), named(keyFile), host, now);
    for (const { key, problem, severity } of problems) {
      const value = key === 'key_file' ? keyFile : certificateFile;
      const place = placeOf(source, settings, domain, key);
      found[severity === 'fault' ? 'faults' : 'warnings'].push(fault({ ...place, key, value, problem }));
    }
  }
  return found;
}

/** What a Haraka that starts now would say of the certificates in `certificate_directory`. @param base its config directory */
export async function directoryWarnings(settings: Settings, base: string, now: Date): Promise<Fault[]> {
  const { listen, certificateDirectory } = settings.global.hosting;
  const looked = [...hostedFiles(settings)].filter(([, { certificate }]) => certificate.kind === 'directory');
  if (listen.length === 0 || looked.length === 0) return [];
  const found: Fault[] = [];
  const warn = (problem: string) =>
    void found.push(fault({ file: globalFile, line: 0, section: 'hosting', problem }));
  await new Certificates(base, { ...silent, warn }).refresh(new Map(looked), certificateDirectory, now);
  return found;
}

function placeOf(
  source: SettingsSource,
  settings: Settings,
  domain: string,
  key: string,
): Pick<Fault, 'file' | 'line' | 'section'> {
  const file = settings.domains.get(domain)?.file ?? '';
  const reading = source.read(file);
  const sections = reading.kind === 'file' ? openFile(source, file, reading.text).located.sections : [];
  const section = sections.find(({ name }) => name === 'mta_sts');
  return { file, line: section?.keys.get(key)?.line ?? section?.line ?? 0, section: 'mta_sts' };
}
