/** Haraka's `mutual_tls` and `mutual_auth_hosts`: its certificate goes to the peers that they name, under any rule. */
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { HostSpec } from '../../../haraka-test-harness/world';
import { serverWithTls } from './surroundings';

const asking = (address: string): HostSpec => ({
  addresses: [address],
  behaviour: { clientCertificate: 'asked' },
});

const levels = { 'may.example': 'opportunistic', 'must.example': 'mandatory', 'verify.example': 'verify' };
const domains = Object.keys(levels);
const other = 1;
const address = (index: number): string => `127.23.0.${index + 1}`;
const own = 'mail.lab.example';

let lab: Lab | undefined;
afterEach(() => lab?.stop());

it.each([
  ['mutual_tls', 'mutual_tls = true\n', own, own],
  [
    'mutual_tls with an exclusion',
    `mutual_tls = true\n[mutual_auth_hosts_exclude]\n${address(other)} = true\n`,
    own,
    '',
  ],
  ['mutual_auth_hosts', `[mutual_auth_hosts]\n${address(0)} = ${own}\n${address(2)} = ${own}\n`, own, ''],
  ['neither', '', '', ''],
])('%s', async (_name, tlsIni, toListed, toOther) => {
  const running = await startLab(
    {
      domains: Object.fromEntries(domains.map((domain, index) => [domain, { mx: [asking(address(index))] }])),
    },
    withRules(await serverWithTls(tlsIni)),
  );
  lab = running;
  for (const [index, domain] of domains.entries()) {
    const { status } = await running.deliver({ from: 'a@ours.example', to: `b@${domain}` });
    expect([domain, status]).toEqual([domain, 'delivered']);
    expect(running.peer(`mx.${domain}`).connections).toMatchObject([
      { tls: { kind: 'established', clientCertificate: index === other ? toOther : toListed } },
    ]);
  }
});

function withRules(options: Awaited<ReturnType<typeof serverWithTls>>): typeof options {
  const sections = Object.entries(levels).map(
    ([domain, level]) => `[outbound ${domain}]\nsecurity_level = ${level}\n`,
  );
  return { ...options, config: { ...options.config, 'tls-peers/ours.example.ini': sections.join('') } };
}
