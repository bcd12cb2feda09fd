/**
 * `npm run test:policy-map`: a policy map of Postfix, imported, and the same mail through a real Haraka and through a real Postfix
 * with that map. Haraka gets it from a managed domain, from one that is not, and from the null sender.
 *
 * Exit code 0 only if everything goes as `destinations.ts` says, in both; 1 otherwise, also where Postfix cannot run.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { parsePolicyMap } from '../../../src/cli/import/policy_map';
import { call } from '../../cli/call';
import { makeScenery, type Destination, type Fate, type Scenery } from './destinations';
import { forwardTcp, forwardUdp } from './forward';
import { postfixClientMissing } from '../../../haraka-test-harness/postfix_client';
import type { PostfixSender } from '../../../haraka-test-harness/postfix_sender';
import { entriesAsPostfixReads, startPostfixClient } from './postfix';

/** Of our own in 127.0.0.0/8, so that two runs at a time are in nobody's way. */
const network = `127.${192 + (process.pid % 60)}`;
const senders = { managed: 'me@ours.example', unmanaged: 'me@theirs.example', null: '' } as const;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const missing = postfixClientMissing();
  if (missing !== '') {
    say(`NOT RUN: ${missing}`);
    return 1;
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-policy-map-'));
  // Postfix's own user has to find its way.
  chmodSync(directory, 0o755);
  try {
    const scenery = await makeScenery();
    const imported = await importMap(directory, scenery);
    const lab = await startLab(
      {
        domains: Object.fromEntries(scenery.destinations.map((one, i) => [one.domain, withAddress(one, i)])),
      },
      {
        config: {
          'tls-peers.ini': imported.text,
          'tls-peers/ours.example.ini': '; rules of its own for nobody\n',
        },
      },
    );
    try {
      const faults = [...imported.faults, ...(await compareAll(lab, scenery, directory))];
      for (const fault of faults) say(`FAULT: ${fault}`);
      return faults.length === 0 ? 0 : 1;
    } finally {
      await lab.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function addressOf(index: number): string {
  return `${network}.25.${index + 1}`;
}

function withAddress({ spec }: Destination, index: number): Destination['spec'] {
  const [mx = {}] = spec.mx === 'null' ? [] : (spec.mx ?? []);
  return { ...spec, mx: [{ ...mx, addresses: [addressOf(index)] }] };
}

/** What tls-peers.ini holds once the map is imported. */
async function importMap(
  directory: string,
  { map, leftOut }: Scenery,
): Promise<{ text: string; faults: string[] }> {
  const [config, file] = [path.join(directory, 'config'), path.join(directory, 'tls_policy')];
  mkdirSync(config);
  // As smtp_tls_security_level, and smtp_tls_dane_insecure_mx_policy by its default beside that.
  writeFileSync(
    path.join(config, 'tls-peers.ini'),
    '[outbound]\nsecurity_level = opportunistic\ninsecure_mx = may\n',
  );
  writeFileSync(file, map);
  const faults: string[] = [];
  const ours = parsePolicyMap(map).entries.map(({ key, tokens }) =>
    [key.toLowerCase(), ...tokens.map(({ text }) => text)].join(' '),
  );
  const theirs = entriesAsPostfixReads(file);
  if (JSON.stringify(ours.sort()) !== JSON.stringify(theirs))
    faults.push(`postmap reads other entries:\n${theirs.join('\n')}\nnot\n${ours.join('\n')}`);
  const args = ['import', '--json', '--write', '--global', '-c', config, file];
  const { code, out } = await call(args);
  const said = JSON.parse(out.join('\n')) as {
    written: boolean;
    leftOut: readonly { key: string; line: number }[];
  };
  // One entry has no section.
  if (code !== 1 || !said.written) faults.push(`import ended with ${code}: ${out.join('\n')}`);
  const named = said.leftOut.map(({ key, line }) => `${key} at line ${line}`);
  if (named.join() !== leftOut.join()) faults.push(`import named ${named.join(', ')}`);
  say(`imported ${map.split('\n').length - 1} lines, ${ours.length} entries; left out: ${named.join(', ')}`);
  return { text: readFileSync(path.join(config, 'tls-peers.ini'), 'utf8'), faults };
}

async function compareAll(lab: Lab, { map, destinations }: Scenery, directory: string): Promise<string[]> {
  const ends: (() => Promise<void>)[] = [];
  try {
    const resolver = `${network}.53.1`;
    const dns = { address: '127.0.0.1', port: Number(lab.dns.address.split(':').at(-1)) };
    ends.push(await forwardUdp({ address: resolver, port: 53 }, dns));
    for (const [index, destination] of destinations.entries()) {
      const { address, port } = lab.peer(hostOf(destination));
      ends.push(await forwardTcp({ address: addressOf(index), port: 25 }, { address, port }));
    }
    const postfix = await startPostfixClient({
      directory: path.join(directory, 'postfix'),
      resolver,
      caFile: lab.caFile,
      map,
    });
    ends.push(() => postfix.stop());
    const rows = await Promise.all(destinations.map((one) => compare(lab, postfix, one)));
    for (const { domain, expected, found } of rows)
      say(
        `${domain.padEnd(24)} ${expected.padEnd(10)} ${found.map(([who, fate]) => `${who} ${fate}`).join(', ')}`,
      );
    const wrong = rows.flatMap(({ domain, expected, found }) =>
      found
        .filter(([, fate]) => fate !== expected)
        .map(([who, fate]) => `${domain}: ${fate} through ${who}, not ${expected}`),
    );
    say(`${rows.length} destinations, ${rows.length * 4} messages, ${wrong.length} differences`);
    return wrong;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

interface Row {
  readonly domain: string;
  readonly expected: Fate;
  readonly found: readonly (readonly [who: string, fate: Fate | 'bounced'])[];
}

async function compare(lab: Lab, postfix: PostfixSender, destination: Destination): Promise<Row> {
  const { domain, fate: expected } = destination;
  const found: [string, Fate | 'bounced'][] = [];
  for (const [who, from] of Object.entries(senders)) {
    const to = `${who}@${domain}`;
    const { status } = await lab.deliver({ from, to }, { timeoutMs: 60_000 });
    const sent = { delivered: 'sent', deferred: 'kept', bounced: 'bounced' } as const;
    found.push([who, fateOf(lab, destination, to, sent[status])]);
  }
  const to = `postfix@${domain}`;
  found.push(['postfix', fateOf(lab, destination, to, await postfix.deliver(senders.unmanaged, to))]);
  return { domain, expected, found };
}

/** As the MX host saw it. @throws Error where the client and the host disagree */
function fateOf(
  lab: Lab,
  destination: Destination,
  to: string,
  status: 'sent' | 'kept' | 'bounced',
): Fate | 'bounced' {
  const { connections, messages } = lab.peer(hostOf(destination));
  const got = messages.filter((message) => message.to.some((one) => one.includes(to)));
  const isNamed = connections.some(({ cleartext }) => cleartext.includes(to));
  const [first, ...more] = got;
  if ((first !== undefined) !== (status === 'sent') || more.length > 0)
    throw new Error(`${to}: ${status}, and ${got.length} messages arrived`);
  if (first === undefined) {
    if (isNamed) throw new Error(`${to}: ${status}, and the envelope went out in cleartext`);
    return status === 'bounced' ? 'bounced' : 'kept';
  }
  return first.protection === 'cleartext' ? 'cleartext' : 'TLS';
}

function hostOf({ domain, spec }: Destination): string {
  const [mx] = spec.mx === 'null' ? [] : (spec.mx ?? []);
  return mx?.host ?? `mx.${domain}`;
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
});
