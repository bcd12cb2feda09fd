/**
 * `npm run test:tighten`: mail of eight days to peers that can be held to more and to peers that must not be. Exactly the former
 * are proposed; what is written is valid, in force, and refuses nothing of the same mail.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import { runIn } from '../../cli/lab_call';
import { clockPlugin, clockPreload } from './clock';
import { cases, config, days, refused, world, type Case } from './world';

interface Proposal {
  readonly managed: string;
  readonly peer: string;
  readonly step: Readonly<Record<string, string>>;
  readonly file: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly level: { readonly before: string; readonly after: string };
}

interface Document {
  readonly written: boolean;
  readonly problems: readonly string[];
  readonly proposals: readonly Proposal[];
  readonly left: readonly {
    readonly managed: string;
    readonly peer: string;
    readonly why: readonly string[];
  }[];
  readonly refusing: readonly { readonly rule: string }[];
  readonly notNeeded: readonly { readonly rule: string }[];
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
let wrong = 0;

function say(holds: boolean, text: string, more = ''): void {
  if (!holds) wrong += 1;
  print(`${holds ? '  ok    ' : '  WRONG '}${text}${holds || more === '' ? '' : `: ${more}`}`);
}

const root = path.resolve(import.meta.dirname, '../../..');

async function call(lab: Lab, args: readonly string[]) {
  const preload = path.join(path.dirname(lab.caFile), 'clock.cjs');
  await writeFile(preload, clockPreload(days - 1));
  return runIn(lab, [
    '--require',
    preload,
    path.join(root, 'dist/cli.cjs'),
    ...args,
    '-c',
    lab.haraka.directory,
  ]);
}

async function tighten(lab: Lab, ...args: string[]): Promise<Document & { readonly code: number }> {
  const { code, out } = await call(lab, ['tighten', '--json', ...args]);
  return { code, ...(JSON.parse(out) as Document) };
}

function recipient({ peer }: Case): string {
  return `you@${peer}`;
}

type Fared = 'tls' | 'cleartext' | 'held';

async function send(lab: Lab, { from, peer }: Pick<Case, 'from' | 'peer'>): Promise<Fared> {
  const { status, delivery } = await lab.deliver(
    { from: `me@${from}`, to: `you@${peer}` },
    { timeoutMs: 120_000 },
  );
  if (status !== 'delivered') return 'held';
  return delivery !== 'none' && delivery.secured ? 'tls' : 'cleartext';
}

/** The last host of each peer fails once in between, where the case says so. */
async function sendAll(lab: Lab): Promise<void> {
  let sent = 0;
  for (let day = 0; day < days; day++) {
    await writeFile(path.join(lab.haraka.directory, 'day'), String(day));
    await waitFor(500);
    const messages = cases.flatMap((one) => Array.from({ length: one.sent?.[day] ?? 8 }, () => one));
    await inTurns(messages, 20, (one) => send(lab, one));
    await send(lab, { from: 'ours.example', peer: refused });
    sent += messages.length + 1;
    if (day === 3) sent += await failOnce(lab);
    print(`  day ${day + 1}: ${messages.length} messages`);
    // No disk has days that last seconds: what is not stored of the third but last is given up.
    await recorded(lab, sent);
  }
}

async function failOnce(lab: Lab): Promise<number> {
  const once = async (peer: string, behaviour: 'no-starttls' | 'handshake-close') => {
    const host = lab.peer(`mx.${peer}`);
    await idle(host);
    host.setBehaviour(behaviour);
    const fared = await send(lab, { from: 'ours.example', peer });
    print(`  ${peer}: one message ${fared}`);
    host.setBehaviour('normal');
  };
  await once('one-failure.example', 'handshake-close');
  await once('once-in-cleartext.example', 'no-starttls');
  await once('once-deferred.example', 'no-starttls');
  return 3;
}

/** Sessions that wait would carry the next message as they are. */
async function idle(host: ReturnType<Lab['peer']>): Promise<void> {
  host.perform({ do: 'close' });
  await host.settled();
}

async function inTurns<Item>(items: readonly Item[], atOnce: number, task: (item: Item) => Promise<unknown>) {
  const waiting = items.values();
  const work = async (): Promise<void> => {
    for (const item of waiting) await task(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function recorded(lab: Lab, expected: number): Promise<void> {
  let found = 0;
  for (let tries = 0; tries < 120; tries++) {
    const { out } = await call(lab, ['traffic', '--json', '--outbound', '--days', '30']);
    const { total } = JSON.parse(out) as { total: { messages: number; deferred: number } };
    found = total.messages + total.deferred;
    if (found >= expected) return;
    await waitFor(500);
  }
  const said = lab.haraka.logLines.filter((line) => line.includes('evidence: '));
  throw new Error([`the record holds ${found} messages instead of ${expected}`, ...said].join('\n'));
}

function compare({ proposals, left }: Document): void {
  for (const one of cases) {
    const managed = one.from === 'ours.example' ? one.from : '';
    const isIt = (other: { managed: string; peer: string }) =>
      other.peer === one.peer && other.managed === managed;
    const proposal = proposals.find(isIt);
    const { expected } = one;
    const name = `${one.peer} (${one.from})`;
    if ('nothing' in expected) {
      const why = left.find(isIt)?.why.join(' | ');
      const asExpected =
        proposal === undefined &&
        (expected.nothing === 'not even considered'
          ? why === undefined
          : why !== undefined && expected.nothing.test(why));
      say(asExpected, `${name}: nothing, ${why ?? 'not considered'}`, JSON.stringify(proposal));
    } else {
      const is = JSON.stringify([sorted(proposal?.step ?? {}), proposal?.file]);
      const text = Object.entries(proposal?.keys ?? {}).map(([key, value]) => `${key} = ${value}`);
      const missing = (expected.keys ?? []).filter((key) => !text.some((line) => line.startsWith(key)));
      say(
        is === JSON.stringify([sorted(expected.step), expected.file]) && missing.length === 0,
        `${name}: ${text.join(', ')}`,
        `${is} ${missing.join(', ')} ${left.find(isIt)?.why.join(' | ') ?? ''}`,
      );
    }
  }
  const qualifying = cases.filter(({ expected }) => 'step' in expected).length;
  say(proposals.length === qualifying, `${proposals.length} proposals for ${qualifying} peers that qualify`);
}

function sorted(of: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Each peer in turn does what the rule that was proposed forbids, and what the one before would have let pass. */
async function inForce(lab: Lab, proposals: readonly Proposal[]): Promise<void> {
  for (const { expected, from, peer } of cases) {
    if (!('step' in expected)) continue;
    const proposal = proposals.find((other) => other.peer === peer);
    const hosts = lab.peers.filter(({ name }) => name.endsWith(`.${peer}`));
    const held = async (what: string): Promise<void> => {
      await Promise.all(hosts.map(idle));
      const received = () => hosts.reduce((sum, { messages }) => sum + messages.length, 0);
      const before = received();
      const fared = await send(lab, { from, peer });
      say(fared === 'held' && received() === before, `${peer} ${what}: ${fared}`);
    };
    if (proposal?.step['min_tls_version'] === '1.3') {
      for (const host of hosts) host.setCertificate(host.certificate, { min: 'TLSv1.2', max: 'TLSv1.2' });
      await held('with TLS 1.2');
      for (const host of hosts) host.setCertificate(host.certificate);
    }
    if (proposal?.level.after === 'verify') {
      const certificates = hosts.map(({ certificate }) => certificate);
      for (const host of hosts) host.setCertificate(await lab.office.certificate(host.name, 'self-signed'));
      await held('with another certificate');
      hosts.forEach((host, at) => host.setCertificate(certificates[at] ?? host.certificate));
    }
    for (const host of hosts) host.setBehaviour('no-starttls');
    await held('without STARTTLS');
  }
}

async function run(lab: Lab): Promise<void> {
  print('mail of eight days');
  await sendAll(lab);
  lab.dns.fate('bogus.example', 'MX', 'bogus');
  await lab.setRoute('mx.down.example', 25, 'refused');
  await idle(lab.peer('mx.down.example'));
  const mailBefore = await faredOf(lab);
  const lintBefore = await call(lab, ['lint', '--offline', '--json']);

  print('what is proposed');
  const proposed = await tighten(lab);
  say(
    proposed.code === 1 && !proposed.written,
    'exit code 1, nothing written',
    JSON.stringify(proposed.problems),
  );
  compare(proposed);
  const { out: shown } = await call(lab, ['tighten']);
  const { out: csv } = await call(lab, ['tighten', '--csv']);
  say(/^ {4}\[outbound good\.example\]$/m.test(shown), 'people see the section that is to be written', shown);
  say(csv.split('\r\n').length === proposed.proposals.length + 1, 'as CSV, a line for each', csv);
  if (process.env['SHOW'] === '1') print(shown);
  say(
    proposed.refusing.length === 1 && proposed.refusing[0]?.rule === `ours.example [outbound ${refused}]`,
    `refused whatever came: ${proposed.refusing.map(({ rule }) => rule).join(', ')}`,
  );
  const notNeeded = proposed.notNeeded.map(({ rule }) => rule).sort();
  const expected = ['exempt', 'no-tls'].map((name) => `ours.example [outbound ${name}.example]`);
  say(JSON.stringify(notNeeded) === JSON.stringify(expected), `not needed any more: ${notNeeded.join(', ')}`);

  print('what is written');
  const written = await tighten(lab, '--write');
  say(written.written && written.proposals.length === proposed.proposals.length, 'all of it is written');
  const text = readFileSync(path.join(lab.haraka.directory, 'config/tls-peers/ours.example.ini'), 'utf8');
  say(text.startsWith('; who to ask: Alice\n') && text.includes('; Bob knows them'), 'comments stay');
  const lintAfter = await call(lab, ['lint', '--offline', '--json']);
  say(lintAfter.code === lintBefore.code, `lint: exit code ${lintAfter.code}`, lintAfter.out);
  const again = await tighten(lab);
  say(again.proposals.length === 0, 'nothing is left to propose', JSON.stringify(again.proposals));

  print('the same mail again');
  // Haraka looks at its files every second, and takes what stays the same for two looks.
  await waitFor(3_000);
  const mailAfter = await faredOf(lab);
  const worse = [...mailAfter].filter(([name, fared]) => fared !== mailBefore.get(name));
  say(worse.length === 0, `${mailAfter.size} messages fare as before`, JSON.stringify(worse));

  print('what is in force');
  await inForce(lab, proposed.proposals);
}

async function faredOf(lab: Lab): Promise<Map<string, Fared>> {
  const fared = new Map<string, Fared>();
  await inTurns(cases, 20, async (one) => {
    fared.set(`${one.from} ${recipient(one)}`, await send(lab, one));
  });
  return fared;
}

function waitFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const lab = await startLab(world, {
  retryIntervals: '9d*12',
  plugins: ['clock', 'tls-peers'],
  ownPlugins: { clock: clockPlugin },
  config,
});
try {
  await run(lab);
} catch (error) {
  wrong += 1;
  print(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await lab.stop();
}
print(wrong === 0 ? 'all of it holds' : `${wrong} do not hold`);
process.exitCode = wrong === 0 ? 0 : 1;
