/** OpenSSL's side of a comparison: `openssl s_client` with its own DANE verification. */
import { execFile } from 'node:child_process';
import type { TlsaRecord } from '../../../src/dane/types';

export interface OpensslVerdict {
  readonly verdict: 'accepted' | 'refused';
  /** What OpenSSL said about it. */
  readonly text: string;
}

export interface OpensslQuestion {
  readonly port: number;
  readonly serverName: string;
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  /** The reference identifier. OpenSSL takes one. */
  readonly name: string;
  readonly records: readonly TlsaRecord[];
}

/** @throws where OpenSSL gives no verdict at all, as when the handshake fails for another cause. */
export async function askOpenssl(question: OpensslQuestion): Promise<OpensslVerdict> {
  const output = await run(argumentsFor(question));
  if (/Failed to import any TLSA records/.test(output))
    return { verdict: 'refused', text: 'no usable record' };
  const fault = /^Verification error: (.*)$/m.exec(output)?.[1];
  if (fault !== undefined) return { verdict: 'refused', text: fault };
  const match = /^DANE TLSA (.*)$/m.exec(output)?.[1];
  if (/^Verification: OK$/m.test(output) && match !== undefined) return { verdict: 'accepted', text: match };
  throw new Error(`no verdict from openssl: ${output}`);
}

function argumentsFor({ port, serverName, version, name, records }: OpensslQuestion): string[] {
  return [
    's_client',
    '-brief',
    ...['-connect', `127.0.0.1:${port}`, '-starttls', 'smtp', '-servername', serverName],
    version === 'TLSv1.3' ? '-tls1_3' : '-tls1_2',
    '-no-CAfile',
    '-no-CApath',
    '-no-CAstore',
    // The handshake lets everything through; the verification is at level 2, the default since OpenSSL 3.2.
    ...['-cipher', 'DEFAULT@SECLEVEL=0', '-auth_level', '2', '-verify', '100'],
    '-dane_ee_no_namechecks',
    ...['-dane_tlsa_domain', name],
    ...records.flatMap((record) => ['-dane_tlsa_rrdata', rrdata(record)]),
  ];
}

function rrdata({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString('hex')}`;
}

async function run(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile('openssl', args, { timeout: 20_000 }, (_error, stdout, stderr) =>
      resolve(`${stdout}\n${stderr}`),
    );
    child.stdin?.end();
  });
}
