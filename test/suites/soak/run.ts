/**
 * `npm run soak -- --minutes 10 [--kill] [--rate 20]`: mixed traffic, 30 % of the peers misbehaving.
 *
 * With `--kill` Haraka is killed every 20 s, and every message that it took must be delivered, bounced or still queued.
 * Without, what it holds at the end is compared with minute two. In both, nothing may leave in cleartext where that is
 * forbidden. Exit code 0 only if all of this holds.
 */
import { timeoutsText } from '../../../haraka-test-harness/ini';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { gaugePlugin, readGauge, type Reading } from './gauge';
import { isSettled, ledgerOf, leaks, rules, Traffic, world } from './traffic';

const killEveryMs = 20_000;
const reloadEveryMs = 60_000;
const reportEveryMs = 60_000;
const firstReadingMs = 120_000;
const allowedGrowth = 0.1;

interface Plan {
  readonly ms: number;
  readonly perSecond: number;
  readonly kills: 'killed' | 'left_alone';
}

function plan(): Plan {
  const { values } = parseArgs({
    options: { minutes: { type: 'string' }, rate: { type: 'string' }, kill: { type: 'boolean' } },
  });
  return {
    ms: Number(values.minutes ?? '10') * 60_000,
    perSecond: Number(values.rate ?? '20'),
    kills: values.kill === true ? 'killed' : 'left_alone',
  };
}

async function main({ ms, perSecond, kills }: Plan): Promise<string[]> {
  const lab = await startLab(world, {
    config: { 'tls-peers.ini': timeoutsText(3), 'tls-peers/ours.example.ini': rules },
    plugins: ['gauge', 'tls-peers'],
    ownPlugins: { gauge: gaugePlugin },
    outbound: { connect_timeout: '3' },
    retryIntervals: '5s*3',
    logLevel: 'notice',
  });
  try {
    const traffic = new Traffic(lab, perSecond);
    const reporting = reportProgress(lab, traffic);
    const problems = await (
      kills === 'killed' ? withKills(lab, traffic, ms) : withoutKills(lab, traffic, ms)
    ).finally(() => clearInterval(reporting));
    const ledger = await ledgerOf(lab, traffic);
    const { missing, ...counts } = ledger;
    say(JSON.stringify({ ...counts, missing: missing.length, refused: traffic.refused }));
    const leaked = leaks(lab);
    return [
      ...problems,
      ...missing.map((id) => `message ${id} to ${traffic.accepted.get(id) ?? ''} is missing`),
      ...leaked.slice(0, 10).map((line) => `a peer read ${JSON.stringify(line)} before TLS`),
    ];
  } finally {
    await lab.stop();
  }
}

/** A line a minute, also while mail settles. */
function reportProgress(lab: Lab, traffic: Traffic): NodeJS.Timeout {
  let minutes = 0;
  return setInterval(() => {
    const settled = new Set(lab.outcomes().flatMap(({ id, status }) => (status === 'deferred' ? [] : [id])));
    say(
      `minute ${++minutes}: ${traffic.accepted.size} messages accepted, ${settled.size} delivered or bounced`,
    );
  }, reportEveryMs);
}

async function withKills(lab: Lab, traffic: Traffic, ms: number): Promise<string[]> {
  const end = Date.now() + ms;
  let killed = 0;
  traffic.start();
  while (Date.now() + killEveryMs < end) {
    await wait(killEveryMs);
    await lab.haraka.restart('SIGKILL');
    killed++;
  }
  await wait(Math.max(0, end - Date.now()));
  await traffic.stop();
  await settle(lab, traffic);
  say(`Haraka was killed ${killed} times.`);
  return [];
}

async function withoutKills(lab: Lab, traffic: Traffic, ms: number): Promise<string[]> {
  const reloading = setInterval(() => {
    void lab.haraka.writeConfig('tls-peers/ours.example.ini', `; ${Date.now()}\n${rules}`);
  }, reloadEveryMs);
  try {
    const before = await readingAfter(lab, traffic, Math.min(firstReadingMs, ms / 2));
    const after = await readingAfter(lab, traffic, Math.max(0, ms - firstReadingMs));
    say(`minute two: ${shown(before)}`);
    say(`at the end: ${shown(after)}`);
    return growth(before, after);
  } finally {
    clearInterval(reloading);
  }
}

/** Traffic for so long; the reading is taken once Haraka has nothing left to do. */
async function readingAfter(lab: Lab, traffic: Traffic, ms: number): Promise<Reading> {
  traffic.start();
  await wait(ms);
  await traffic.stop();
  await settle(lab, traffic);
  return readGauge(lab);
}

/** Until every message was delivered or has bounced; what is not by then is found in the queue, or missed. */
async function settle(lab: Lab, traffic: Traffic): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!isSettled(lab, traffic) && Date.now() < deadline) await wait(500);
}

function growth(before: Reading, after: Reading): string[] {
  return (Object.keys(before) as (keyof Reading)[])
    .filter((what) => after[what] > before[what] * (1 + allowedGrowth) + slack[what])
    .map((what) => `${what} grew from ${before[what]} to ${after[what]}`);
}

/** Below this, a difference says nothing: one socket more is no leak. */
const slack: Reading = { heapUsed: 0, external: 1024 * 1024, rss: 0, sockets: 2, timers: 3, descriptors: 3 };

function shown({ heapUsed, external, rss, sockets, timers, descriptors }: Reading): string {
  const mib = (octets: number): string => `${(octets / 1024 / 1024).toFixed(1)} MiB`;
  return `heap ${mib(heapUsed)}, outside it ${mib(external)}, RSS ${mib(rss)}, ${sockets} sockets, ${timers} timers, ${descriptors} descriptors`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main(plan()).then(
  (problems) => {
    problems.forEach(say);
    say(problems.length === 0 ? 'All as it should be.' : `${problems.length} problems.`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  },
  (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  },
);
