/**
 * `npm run test:records`: what `tls-peers records` says of an install, and what a real Postfix at `dane-only` does with mail to
 * it. NSD serves zones that are signed here and now, unbound validates them, and real Harakas listen at port 25.
 *
 * `--only <text>` plays the states whose name holds the text. Exit code 0 only if both agree, and are as `states.ts` expects.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { parseArgs } from 'node:util';
import { missingPrograms, startNsd, startUnbound } from '../../../haraka-test-harness/name_servers';
import { postfixClientMissing } from '../../../haraka-test-harness/postfix_client';
import { startPostfixSender, type PostfixSender } from '../../../haraka-test-harness/postfix_sender';
import type { HostVerdict } from '../../../src/cli/shown_text';
import { startState } from './install';
import { domainOf, hostName, makeStates, type HostSpec, type State } from './states';
import { publish } from './zones';

/** Of our own in 127.0.0.0/8, so that two runs at a time are in nobody's way. */
const network = `127.${130 + (process.pid % 60)}`;
const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');

const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Report {
  readonly hosts: readonly HostVerdict[];
  readonly remarks: readonly string[];
  readonly notes: readonly string[];
}

async function main(): Promise<number> {
  const missing = [...missingPrograms(), postfixClientMissing()].filter((one) => one !== '');
  if (missing.length > 0) {
    say(`\n*** SKIPPED: records were not held against a real sender: ${missing.join(', ')}`);
    say('*** On Debian: apt-get install nsd unbound ldnsutils postfix, and run as root\n');
    return 0;
  }
  const { only = '' } = parseArgs({ options: { only: { type: 'string' } } }).values;
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-records-'));
  // Postfix's own user has to find its way.
  chmodSync(directory, 0o755);
  const ends: (() => Promise<void>)[] = [];
  try {
    const states = await makeStates();
    const addresses = addressesOf(states);
    const zones = publish(directory, states, (state, host, place) => {
      const before = state.hosts.slice(0, state.hosts.indexOf(host)).flatMap(({ places }) => places).length;
      return addresses.get(state)?.[before + place] ?? '';
    });
    const nsd = await startNsd(directory, zones);
    ends.push(() => nsd.stop());
    const resolver = `${network}.53.1`;
    const at = { address: resolver, port: 53 };
    const unbound = await startUnbound(directory, zones, nsd.port, {
      name: 'validating',
      validates: true,
      at,
    });
    ends.push(() => unbound.stop());
    const postfix = await startPostfixSender({
      directory: path.join(directory, 'postfix'),
      resolver,
      settings: {
        smtp_tls_security_level: 'dane-only',
        // Hosts and addresses in their order, each with a connection of its own.
        smtp_randomize_addresses: 'no',
        smtp_connection_cache_on_demand: 'no',
      },
      keptTimes: 1,
    });
    ends.push(() => postfix.stop());
    const played = states.filter(({ name }) => name.includes(only));
    let wrong = 0;
    for (const [index, state] of played.entries()) {
      const running = await startState(state, {
        directory: path.join(directory, state.name),
        resolver,
        addresses: addresses.get(state) ?? [],
      });
      try {
        const faults = await play(state, running.directory, postfix, `${index + 1}/${played.length}`);
        for (const fault of faults) say(`  ${fault}`);
        wrong += faults.length === 0 ? 0 : 1;
      } finally {
        await running.stop();
      }
    }
    say(`${played.length} states, ${wrong} not as expected`);
    return wrong === 0 ? 0 : 1;
  } finally {
    for (const end of ends.reverse()) await end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** An address for each place. */
function addressesOf(states: readonly State[]): ReadonlyMap<State, readonly string[]> {
  let last = 0;
  return new Map(
    states.map((state) => [
      state,
      state.hosts.flatMap(({ places }: HostSpec) => places).map(() => `${network}.25.${++last}`),
    ]),
  );
}

/** @returns what is not as expected */
async function play(state: State, config: string, postfix: PostfixSender, count: string): Promise<string[]> {
  const { code, report, text } = await records(config, domainOf(state));
  const before = postfix.log().length;
  const fate = await postfix.deliver('me@elsewhere.lab', `you@${domainOf(state)}`);
  const log = postfix.log().slice(before);
  // Without any, the domain itself is the host, as it is where its MX records are not known.
  const hosts =
    state.hosts.length === 0 || state.fault === 'bogus_mx'
      ? [domainOf(state)]
      : state.hosts.map((host) => hostName(state, host));
  const verdicts = hosts.map((host) => report?.hosts.find((one) => one.host === host)?.dane ?? 'not named');
  say(`[${count}] ${state.name.padEnd(20)} records: ${verdicts.join(', ').padEnd(18)} Postfix: ${fate}`);
  if (report === undefined) return [`records ended with ${code}: ${text}`];
  const faults: string[] = [];
  const expect = (what: string, found: string, wanted: string): void => {
    if (found !== wanted) faults.push(`${what}: ${found}, expected ${wanted}`);
  };
  expect('Postfix', fate, state.fate);
  expect('records', verdicts.join(), state.verdicts.join());
  expect('exit code of records', String(code), String(state.code));
  const said = [...report.remarks, ...report.notes];
  for (const one of state.says)
    if (!said.some((remark) => one.test(remark))) faults.push(`records says nothing like ${String(one)}`);
  faults.push(...disagreements(report, fate, log));
  if (faults.length > 0) faults.push(...said.map((one) => `said: ${one}`), `log of Postfix:\n${log}`);
  return faults;
}

/** Where the verdicts of `records` and what Postfix did exclude each other. */
function disagreements({ hosts }: Report, fate: string, log: string): string[] {
  const faults: string[] = [];
  const isAccepted = hosts.some(({ dane }) => dane === 'accepted');
  const isOpen = hosts.some(({ dane }) => dane === 'partly');
  if (isAccepted && fate !== 'sent')
    faults.push(`records accepts a host, and Postfix has ${fate} the message`);
  if (!isAccepted && !isOpen && fate === 'sent')
    faults.push('records accepts no host, and Postfix delivered');
  const seen = [...log.matchAll(/: (\w+) TLS connection established to [^[]+\[([^\]]+)\]:25/g)];
  for (const [, trust = '', address = ''] of seen) {
    const kinds = hosts.flatMap(({ shown }) => shown).filter(({ at }) => at === `${address}:25`);
    const wanted = trust === 'Verified' ? 'accepted' : 'refused';
    if (!kinds.some(({ kind }) => kind === wanted))
      faults.push(`at ${address}: ${trust} to Postfix, ${kinds.map(({ kind }) => kind).join()} to records`);
  }
  // It comes to all places in order, until one takes the message.
  const visited = new Set(seen.map(([, , address]) => `${address}:25`));
  const shown = hosts.flatMap((host) => host.shown);
  const refused = shown.filter(({ kind, text }) => kind === 'refused' && !text.startsWith('starttls'));
  for (const { at, whose } of fate === 'sent' ? [] : refused)
    if (whose === 'mx' && !visited.has(at)) faults.push(`Postfix did not come to ${at}`);
  return faults;
}

function records(
  config: string,
  domain: string,
): Promise<{ code: number; report: Report | undefined; text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [cli, 'records', '--json', '-c', config, domain],
      { maxBuffer: 1e8, timeout: 60_000 },
      (error, text) => {
        const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1;
        const parsed = text.startsWith('{') ? (JSON.parse(text) as Partial<Report>) : {};
        const { hosts, remarks, notes } = parsed;
        const isReport = hosts !== undefined && remarks !== undefined && notes !== undefined;
        resolve({ code, report: isReport ? { hosts, remarks, notes } : undefined, text });
      },
    );
  });
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
});
