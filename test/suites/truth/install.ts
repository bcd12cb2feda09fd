/** An install of a Haraka that starts as root and becomes `nobody`, in which nothing is wrong; and what `lint` says of it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import { createCa, issue } from '../../../haraka-test-harness/pki';
import { hostedFiles } from '../../../src/hosting/catalogue';
import { loadSettings } from '../../../src/settings/load/load';
import type { FaultDocument } from '../../../src/settings/schema/fault';
import { callIn } from '../../cli/lab_call';
import { memorySource } from '../../settings/memory_source';

export const user = 'nobody';

/** Why this cannot be shown here; empty where it can. */
export const obstacle =
  process.getuid?.() !== 0 ? 'it needs root' : idOf(user) === '' ? `there is no user ${user}` : '';

function idOf(name: string): string {
  try {
    return execFileSync('id', ['-u', name], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

export const ours = 'ours.example';
export const hosts = [`mx1.${ours}`, `mx2.${ours}`] as const;
/** It publishes a policy, and nobody can fetch it. */
export const unfetchable = 'unfetchable.example';

const ruleFile = `[outbound]
security_level = auto

[outbound must.example]
security_level = mandatory

[mta_sts]
mode = enforce
${hosts.map((host) => `mx[] = ${host}`).join('\n')}
max_age = 2592000
certificate_file = policy_host.pem
key_file = policy_host.key
`;

/** Registers itself as this suite does. */
const early = `
exports.register = function () { this.register_hook('send_email', 'pass', -100); };
exports.pass = (next) => next();
`;

export interface Install {
  readonly lab: Lab;
  readonly directory: string;
  /** Below the install. */
  readonly at: (name: string) => string;
  readonly write: (name: string, text: string) => void;
  readonly read: (name: string) => string;
}

export async function startInstall(port: number): Promise<Install> {
  const ca = await createCa({ commonName: 'CA of the policy host' });
  const { certPem, keyPem } = await issue(ca, { dnsNames: [`mta-sts.${ours}`] });
  const [file] = hostedFiles(
    loadSettings(memorySource({ [`tls-peers/${ours}.ini`]: ruleFile })).settings,
  ).values();
  const lab = await startLab(
    {
      domains: {
        [ours]: {
          dnssec: 'secure',
          mx: hosts.map((host) => ({ host, tlsa: ['match'] })),
          ...(file === undefined ? {} : { sts: { id: file.id, policy: file.text } }),
        },
        'must.example': { mx: [{ behaviour: 'no-starttls' }] },
        [unfetchable]: { mx: [{ behaviour: 'no-starttls' }], sts: { route: 'refused' } },
      },
    },
    {
      user,
      ownPlugins: { early },
      config: {
        'tls-peers.ini': `[outbound]\nsecurity_level = auto\n[hosting]\nlisten = 127.0.0.1:${port}\n`,
        [`tls-peers/${ours}.ini`]: ruleFile,
        'policy_host.pem': certPem,
        'policy_host.key': keyPem,
      },
    },
  );
  const { directory } = lab.haraka;
  const at = (name: string) => path.join(directory, name);
  mkdirSync(at('config/tls'));
  for (const host of hosts) {
    const { chainPem, keyPem: key } = lab.peer(host).certificate;
    writeFileSync(at(`config/tls/${host}.pem`), chainPem + key);
    lend(at(`config/tls/${host}.pem`));
  }
  lend(at('config/policy_host.key'));
  return {
    lab,
    directory,
    at,
    write: (name, text) => writeFileSync(at(name), text),
    read: (name) => readFileSync(at(name), 'utf8'),
  };
}

/** A key as it should be: Haraka's user reads it, and nobody else. */
function lend(file: string): void {
  execFileSync('chown', [user, file]);
  chmodSync(file, 0o600);
}

export interface Linted {
  readonly code: number;
  readonly findings: readonly FaultDocument[];
}

export async function lint({ lab }: Install, ...options: string[]): Promise<Linted> {
  const { code, out } = await callIn(lab, ['lint', '--json', ...options]);
  const { faults, warnings } = JSON.parse(out) as Record<'faults' | 'warnings', FaultDocument[]>;
  return { code, findings: [...faults, ...warnings] };
}

export function told({ file, section, key, problem }: FaultDocument): string {
  return `${file}: [${section}] ${key}: ${problem}`;
}
