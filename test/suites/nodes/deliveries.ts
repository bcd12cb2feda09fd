/** A part of the table through a real Haraka: messages to peers with old or weak TLS. */
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { DomainSpec, HostSpec } from '../../../haraka-test-harness/world';
import { makeCertificates, type Shown } from './certificates';
import type { Column } from './columns';
import { rows, type PeerRow } from './table';

/** Those whose requirement a rule for one domain leads to. */
const delivered = [
  'opportunistic',
  'testing',
  'mandatory',
  'mandatory 1.0',
  'verify',
  'enforce',
  'fingerprint',
  'dane 3 1 1',
  'dane 3 1 1, 1.0',
] as const satisfies readonly Column[];
type DeliveredColumn = (typeof delivered)[number];

const names = [
  'TLS 1.2, RSA 2048',
  'TLS 1.0',
  'TLS 1.0, leaf RSA 1024',
  'DHE 1024',
  'handshake signed with SHA-1',
  'leaf RSA 1024',
  'intermediate RSA 1024',
  'root RSA 1024',
  'leaf signed with SHA-1',
  'intermediate signed with SHA-1',
];

interface Case {
  readonly row: PeerRow;
  readonly column: DeliveredColumn;
  readonly host: string;
  readonly domain: string;
}

const cases: readonly Case[] = rows
  .filter(({ name }) => names.includes(name))
  .flatMap((row, index) =>
    delivered.map((column, number) => ({
      row,
      column,
      host: `mx${index}.peer.example`,
      domain: `d${number}.p${index}.example`,
    })),
  );

/** @returns what was not as expected, one line each, and how many messages were sent */
export async function deliveryFaults(
  node: string,
): Promise<{ readonly faults: string[]; readonly sent: number }> {
  const hosts = [...new Set(cases.map(({ host }) => host))];
  const certificates = await makeCertificates(hosts);
  const shown = ({ row }: Case): Shown => certificates[row.certificate];
  const lab = await startLab(
    {
      domains: Object.fromEntries(cases.map((one) => [one.domain, domainOf(one)])),
      hosts: Object.fromEntries(cases.map((one) => [one.host, hostOf(one, shown(one))])),
    },
    {
      node,
      config: {
        'roots.pem': Object.values(certificates)
          .map(({ rootPem }) => rootPem)
          .join(''),
        'tls-peers/ours.example.ini': cases.map((one) => ruleOf(one, shown(one))).join('\n'),
      },
    },
  );
  try {
    const faults: string[] = [];
    for (const one of cases) {
      const is = await outcomeOf(lab, one.domain);
      const should = one.row.expected[one.column];
      if (is !== should) faults.push(`delivered: ${one.row.name}, ${one.column}: ${is}, expected ${should}`);
    }
    return { faults, sent: cases.length };
  } finally {
    await lab.stop();
  }
}

function domainOf({ column, host }: Case): DomainSpec {
  const mode = column === 'testing' || column === 'enforce' ? column : 'none';
  return {
    dnssec: 'secure',
    mx: [{ host }],
    ...(mode === 'none' ? {} : { sts: { policy: { mode } } }),
  };
}

function hostOf({ row }: Case, { chainPem, keyPem }: Shown): HostSpec {
  const { minVersion = 'TLSv1', maxVersion = 'TLSv1.3', ciphers, dhParameters, sigalgs } = row.tls;
  return {
    dnssec: 'secure',
    tlsa: ['match'],
    certificate: { kind: 'given', chainPem, keyPem },
    tls: { min: minVersion, max: maxVersion },
    behaviour: {
      ...(ciphers === undefined ? {} : { ciphers }),
      ...(dhParameters === undefined ? {} : { dhParameters }),
      ...(sigalgs === undefined ? {} : { signatureAlgorithms: sigalgs }),
    },
  };
}

function ruleOf({ column, domain }: Case, { fingerprint }: Shown): string {
  const lines = {
    opportunistic: ['security_level = opportunistic'],
    testing: ['security_level = mta_sts'],
    mandatory: ['security_level = mandatory'],
    'mandatory 1.0': ['security_level = mandatory', 'min_tls_version = 1.0'],
    verify: ['security_level = verify'],
    enforce: ['security_level = mta_sts'],
    fingerprint: ['security_level = verify', `fingerprints[] = ${fingerprint}`],
    'dane 3 1 1': ['security_level = mandatory_dane'],
    'dane 3 1 1, 1.0': ['security_level = mandatory_dane', 'min_tls_version = 1.0'],
  } as const satisfies Record<DeliveredColumn, readonly string[]>;
  const further = column === 'fingerprint' ? [] : ['ca_file = roots.pem'];
  const all = [...lines[column], ...further, 'cleartext_fallback = never'];
  return `[outbound ${domain}]\n${all.join('\n')}\n`;
}

/** In the words of the table. */
async function outcomeOf(lab: Lab, domain: string): Promise<string> {
  const { status, summary } = await lab.deliver({ from: 'a@ours.example', to: `b@${domain}` });
  const { tls_version: version, verified, reasons, recorded } = summary as unknown as Summary;
  if (status !== 'delivered') return reasons[0]?.reason ?? status;
  return [version, verified, ...recorded.map(({ reason }) => `(${reason})`)].join(' ');
}

interface Summary {
  readonly tls_version: string;
  readonly verified: string;
  readonly reasons: readonly { readonly reason: string }[];
  readonly recorded: readonly { readonly reason: string }[];
}
