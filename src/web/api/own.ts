/** What is our own: certificates and the policies that managed domains publish, with their dates. */
import { presented } from '../../cli/install_keys';
import { hostedFiles, type HostedFile } from '../../hosting/catalogue';
import { Certificates } from '../../hosting/certificates';
import { readPem } from '../../hosting/pem';
import { silent } from '../../log';
import type { Desk } from './desk';
import { csv, document, type Reply } from './reply';
import type { Query } from './query';
import type { X509Certificate } from 'node:crypto';

export interface OwnCertificate {
  /** `smtp`, `policy` or `page`. */
  readonly use: string;
  /** The policy host, or the names in it. */
  readonly name: string;
  readonly names: string;
  readonly issuer: string;
  /** ISO 8601. */
  readonly validFrom: string;
  readonly validTo: string;
}

export interface OwnPolicy {
  readonly domain: string;
  readonly host: string;
  readonly mode: string;
  readonly id: string;
  readonly maxAge: number;
  readonly mx: readonly string[];
  readonly text: string;
  readonly certificate: { readonly validTo: string } | undefined;
  /** What keeps it from being served, or senders from taking it. */
  readonly problems: readonly string[];
}

export async function certificates(desk: Desk, query: Query): Promise<Reply> {
  const { certificates: found, problems } = await ownCertificates(desk);
  if (query.text('format') === 'csv')
    return csv('certificates', [
      ['use', 'name', 'names', 'issuer', 'valid from', 'valid to'],
      ...found.map((one) => [one.use, one.name, one.names, one.issuer, one.validFrom, one.validTo]),
    ]);
  return document({ certificates: found, problems });
}

export async function ownPolicies(desk: Desk): Promise<OwnPolicy[]> {
  const served = await servedCertificates(desk);
  const { listen, listenHttp } = desk.settings().global.hosting;
  return [...hostedFiles(desk.settings()).values()].map(({ domain, host, policy, id, text }) => {
    const leaf = served.leafOf(host);
    return {
      domain,
      host,
      mode: policy.mode,
      id,
      maxAge: policy.maxAge,
      mx: policy.mx,
      text,
      certificate: leaf === undefined ? undefined : { validTo: isoOf(leaf.validTo) },
      problems: [
        ...(listen.length + listenHttp.length === 0 ? ['served nowhere: [hosting] names no listener'] : []),
        ...served.problems.filter((problem) => problem.includes(host)),
      ],
    };
  });
}

export async function ownCertificates(
  desk: Desk,
): Promise<{ readonly certificates: readonly OwnCertificate[]; readonly problems: readonly string[] }> {
  const { source, configDirectory } = desk;
  const [smtp, served] = await Promise.all([presented(source, configDirectory), servedCertificates(desk)]);
  const page = desk.settings().global.web.certificateFile;
  return {
    certificates: [
      ...smtp.map(([leaf]) => about('smtp', '', leaf)),
      ...served.files.flatMap(({ host }) => {
        const leaf = served.leafOf(host);
        return leaf === undefined ? [] : [about('policy', host, leaf)];
      }),
      ...(page === '' ? [] : pageCertificate(desk, page)),
    ],
    problems: served.problems,
  };
}

function pageCertificate({ source }: Desk, file: string): OwnCertificate[] {
  const reading = source.read(file);
  const [first] = reading.kind === 'file' ? readPem({ name: file, text: reading.text }).chain : [];
  return first === undefined ? [] : [about('page', file, first.certificate)];
}

async function servedCertificates(desk: Desk): Promise<{
  readonly files: readonly HostedFile[];
  readonly leafOf: (host: string) => X509Certificate | undefined;
  readonly problems: readonly string[];
}> {
  const files = hostedFiles(desk.settings());
  const { listen, certificateDirectory } = desk.settings().global.hosting;
  const problems: string[] = [];
  const warn = (problem: string) => void problems.push(problem);
  const read = new Certificates(desk.configDirectory, { ...silent, warn });
  if (listen.length > 0 && files.size > 0) await read.refresh(files, certificateDirectory, desk.now());
  return { files: [...files.values()], leafOf: (host) => read.pairFor(host)?.leaf, problems };
}

function about(use: string, name: string, leaf: X509Certificate): OwnCertificate {
  const names = (leaf.subjectAltName ?? '').replaceAll('DNS:', '');
  return {
    use,
    name: name === '' ? (names.split(', ')[0] ?? '') : name,
    names,
    issuer: leaf.issuer.replaceAll('\n', ', '),
    validFrom: isoOf(leaf.validFrom),
    validTo: isoOf(leaf.validTo),
  };
}

function isoOf(text: string): string {
  return new Date(text).toISOString();
}
