/** Receivers by HTTPS that fail, and rules of the operator's that keep a report back. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { RawRecordSet } from '../../../haraka-test-harness/world';
import { aheadTo, clock, moveClock } from '../../reports/support/clock';
import { dkimConfig, signingKey } from '../../reports/support/dkim';

/** Each is a host in public, at `mta-sts.<name>.example`. */
const receivers = {
  good: { behaviour: 'serve', state: 'accepted', text: '' },
  broken: { behaviour: 'server-error', state: 'failed', text: '500' },
  moved: { behaviour: 'redirect', state: 'failed', text: '302' },
  hanging: { behaviour: 'silence', state: 'failed', text: 'did not answer in time' },
  untrusted: { behaviour: 'serve', certificate: 'self-signed', state: 'failed', text: 'self' },
} as const;

const txt = (name: string, text: string): RawRecordSet => ({
  name: `_smtp._tls.${name}`,
  type: 'TXT',
  records: [{ type: 'TXT', text }],
});

interface Row {
  readonly domain: string;
  readonly destination: string;
  readonly state: string;
  readonly text: string;
}

export async function tryReceivers(print: (line: string) => void): Promise<boolean> {
  const lab = await startLab(
    {
      domains: {
        ...Object.fromEntries(
          Object.entries(receivers).map(([name, one]) => [
            `${name}.example`,
            {
              sts: {
                policy: { mode: 'none' as const },
                behaviour: one.behaviour,
                ...('certificate' in one ? { certificate: one.certificate } : {}),
              },
            },
          ]),
        ),
        'strict.example': { mx: [{ behaviour: 'no-starttls' as const }] },
        // Its policy is broken, and the report about that is to come through.
        'ill.example': {
          mx: [{ certificate: 'expired' as const }],
          sts: { policy: { mode: 'enforce' as const } },
        },
      },
      records: [
        ...Object.keys(receivers).map((name) =>
          txt(`${name}.example`, `v=TLSRPTv1; rua=https://mta-sts.${name}.example/report`),
        ),
        txt('strict.example', 'v=TLSRPTv1; rua=mailto:tls@strict.example'),
        txt('ill.example', 'v=TLSRPTv1; rua=mailto:tls@ill.example'),
      ],
    },
    {
      plugins: ['clock', 'tls-peers'],
      ownPlugins: { clock },
      retryIntervals: '9d*12',
      config: {
        ...dkimConfig('ours.example', signingKey()),
        'tls-peers.ini':
          '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\nmax_delay = 0\n' +
          '[outbound strict.example]\nsecurity_level = mandatory\ntls_reports = on\nscope = all\n',
      },
    },
  );
  try {
    return await run(lab, print);
  } finally {
    await lab.stop();
  }
}

async function run(lab: Lab, print: (line: string) => void): Promise<boolean> {
  for (const name of [...Object.keys(receivers), 'strict', 'ill'])
    await lab.deliver({ from: 'me@ours.example', to: `you@${name}.example` }, { timeoutMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await moveClock(lab, aheadTo(1, '00:30'));
  const ill = lab.peer('mx.ill.example');
  await ill.until(({ messages }) => messages.length === 1, 60_000);
  print('a report goes to a domain whose own policy would keep all mail from it');
  await lab.haraka.waitForLog(/the TLS report to mailto:tls@strict\.example about strict\.example is held/, {
    timeoutMs: 60_000,
  });
  print("a rule of the operator's own keeps a report back, and that is said");
  const wanted: readonly Row[] = [
    ...Object.entries(receivers).map(([name, { state, text }]) => ({
      domain: `${name}.example`,
      destination: `https://mta-sts.${name}.example/report`,
      state,
      text,
    })),
    { domain: 'strict.example', destination: 'mailto:tls@strict.example', state: 'held', text: '' },
    { domain: 'ill.example', destination: 'mailto:tls@ill.example', state: 'accepted', text: '' },
  ];
  let missing: readonly Row[] = wanted;
  for (let tries = 0; tries < 100 && missing.length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const rows = listed(lab);
    missing = wanted.filter(
      (one) =>
        !rows.some(
          (row) =>
            row.domain === one.domain &&
            row.destination === one.destination &&
            row.state === one.state &&
            row.text.includes(one.text),
        ),
    );
  }
  for (const { domain, state } of missing)
    print(`WRONG ${domain}: should be ${state}; ${JSON.stringify(listed(lab))}`);
  // The session of the report itself belongs to no report: one of the first day, and no second.
  const about = listed(lab).filter(({ domain }) => domain === 'ill.example');
  if (about.length !== 1) print(`WRONG ${about.length} reports about ill.example`);
  if (missing.length === 0)
    print(`${Object.keys(receivers).length} receivers by HTTPS: each stands as it should`);
  return missing.length === 0 && about.length === 1;
}

function listed(lab: Lab): Row[] {
  const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
  const text = execFileSync(process.execPath, [cli, 'reports', '-c', lab.haraka.directory, '--json'], {
    encoding: 'utf8',
  });
  return (JSON.parse(text) as { reports: Row[] }).reports;
}
