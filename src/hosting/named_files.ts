/** What is wrong with the files that `certificate_file` and `key_file` name. Pure. */
import type { FileReading } from '../settings/haraka/config_files';
import { nameFault } from '../x509/names';
import { pairKeys, readPem, type PemContents, type PemFile } from './pem';

export interface FileProblem {
  readonly key: 'certificate_file' | 'key_file';
  readonly problem: string;
  /** `fault`: the certificate cannot be used. `warning`: senders will not take it. */
  readonly severity: 'fault' | 'warning';
  /** The absolute path, where this process's user may not read it. */
  readonly denied?: string;
}

export interface NamedFile {
  readonly name: string;
  readonly reading: FileReading;
}

/** @param key the same as `certificate` where one file holds both. @param host the policy host */
export function namedFileProblems(
  certificate: NamedFile,
  key: NamedFile,
  host: string,
  now: Date,
): FileProblem[] {
  const chain = contentsOf(certificate, 'certificate_file');
  const same = certificate.name === key.name;
  const keys = same ? chain : contentsOf(key, 'key_file');
  if (chain.kind === 'unreadable' || keys.kind === 'unreadable') {
    const found = same ? [chain] : [chain, keys];
    return found.flatMap((one) => (one.kind === 'unreadable' ? [one.problem] : []));
  }
  const problems = [
    ...damaged(chain.contents, 'certificate_file'),
    ...(same ? [] : damaged(keys.contents, 'key_file')),
  ];
  if (chain.contents.chain.length === 0) problems.push(fault('certificate_file', 'holds no PEM certificate'));
  if (keys.contents.keys.length === 0) {
    problems.push(fault(same ? 'certificate_file' : 'key_file', 'holds no PEM private key'));
  }
  if (problems.length > 0) return problems;
  const holder = { name: certificate.name, text: chain.text };
  return pairProblems(same ? [holder] : [holder, { name: key.name, text: keys.text }], host, now);
}

type Contents =
  | { readonly kind: 'read'; readonly contents: PemContents; readonly text: string }
  | { readonly kind: 'unreadable'; readonly problem: FileProblem };

function contentsOf({ name, reading }: NamedFile, key: FileProblem['key']): Contents {
  if (reading.kind === 'file')
    return { kind: 'read', contents: readPem({ name, text: reading.text }), text: reading.text };
  if (reading.kind === 'absent') return { kind: 'unreadable', problem: fault(key, 'no such file') };
  const { problem, denied } = reading;
  const found = fault(key, `cannot be read: ${problem}`);
  return { kind: 'unreadable', problem: denied === undefined ? found : { ...found, denied } };
}

function damaged({ problems }: PemContents, key: FileProblem['key']): FileProblem[] {
  return problems.map((problem) => fault(key, problem));
}

/** @param files the one that holds both, or that of the certificate and that of the key */
function pairProblems(
  files: readonly [PemFile] | readonly [PemFile, PemFile],
  host: string,
  now: Date,
): FileProblem[] {
  const [pair] = pairKeys(files).pairs;
  if (pair === undefined) {
    return [
      files.length === 1
        ? fault('certificate_file', 'the key in it is not that of the certificate')
        : fault('key_file', `does not hold the key of the certificate in ${files[0].name}`),
    ];
  }
  const problems: FileProblem[] = [];
  const misnamed = nameFault(pair.leaf, host);
  if (misnamed !== undefined) problems.push(warning(`the certificate ${misnamed}`));
  const [from, to] = [Date.parse(pair.leaf.validFrom), Date.parse(pair.leaf.validTo)];
  if (now.getTime() < from) problems.push(warning(`the certificate is valid from ${day(from)} only`));
  if (to <= now.getTime()) problems.push(warning(`the certificate expired on ${day(to)}`));
  return problems;
}

function fault(key: FileProblem['key'], problem: string): FileProblem {
  return { key, problem, severity: 'fault' };
}

function warning(problem: string): FileProblem {
  return { key: 'certificate_file', problem, severity: 'warning' };
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
