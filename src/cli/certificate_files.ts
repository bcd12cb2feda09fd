/** The certificates of policy hosts, held against what serving a policy takes. */
import { hostedFiles, type HostedFile } from '../hosting/catalogue';
import { Certificates } from '../hosting/certificates';
import { namedFileProblems } from '../hosting/named_files';
import { silent } from '../log';
import type { CertificatesView } from '../settings/checks/check';
import type { ConfigFiles } from '../settings/haraka/config_files';
import { run } from '../settings/schema/fault';
import type { Settings } from '../settings/schema/types';
import { letRead } from '../state/access';

/**
 * Loading does not look: a renewal that is half done must not make the rules of its domain invalid.
 *
 * @param base Haraka's config directory
 */
export async function certificatesIn(
  base: string,
  source: ConfigFiles,
  settings: Settings,
  now: Date,
): Promise<CertificatesView> {
  const files = hostedFiles(settings);
  return {
    named: [...files.values()].flatMap((file) => namedBy(file, source, now)),
    directory: await directoryProblems(files, settings, base, now),
  };
}

/** What is wrong in `certificate_file` and `key_file`. */
function namedBy(
  { domain, host, certificate }: HostedFile,
  source: ConfigFiles,
  now: Date,
): CertificatesView['named'] {
  if (certificate.kind === 'directory') return [];
  const { certificateFile, keyFile } = certificate;
  const named = (name: string) => ({ name, reading: source.read(name) });
  const problems = namedFileProblems(named(certificateFile), named(keyFile), host, now);
  return problems.map(({ key, problem, severity, denied }) => ({
    key,
    problem,
    severity,
    domain,
    file: key === 'key_file' ? keyFile : certificateFile,
    // Where one file holds both, the key is in it.
    ...(denied === undefined
      ? {}
      : {
          mend: run(letRead(denied, key === 'key_file' || certificateFile === keyFile ? 'secret' : 'file')),
        }),
  }));
}

/** What a Haraka that starts now would say of the certificates in `certificate_directory`. */
async function directoryProblems(
  files: ReadonlyMap<string, HostedFile>,
  settings: Settings,
  base: string,
  now: Date,
): Promise<string[]> {
  const { listen, certificateDirectory } = settings.global.hosting;
  const looked = [...files].filter(([, { certificate }]) => certificate.kind === 'directory');
  if (listen.length === 0 || looked.length === 0) return [];
  const problems: string[] = [];
  const warn = (problem: string) => void problems.push(problem);
  await new Certificates(base, { ...silent, warn }).refresh(new Map(looked), certificateDirectory, now);
  return problems;
}
