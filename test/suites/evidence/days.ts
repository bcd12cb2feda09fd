/**
 * Two workers, ten peers of different TLS, mail out and in, over three days; one worker is killed. Every figure of `traffic`
 * is held against what the peers saw, less what the killed worker had not written yet.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { World } from '../../../haraka-test-harness/world';
import type { PeerTraffic } from '../../../src/evidence/views/traffic';
import { tlsConfig } from '../../inbound/support/tls_server';
import { handIn } from './visitor';

const world: World = {
  domains: {
    'tls13.example': { mx: [{ tls: { min: 'TLSv1.3', max: 'TLSv1.3' } }] },
    'tls12.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
    'tls11.example': { mx: [{ tls: { min: 'TLSv1.1', max: 'TLSv1.1' } }] },
    'tls10.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1' } }] },
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'enforce.example': { sts: { policy: { mode: 'enforce' } } },
    'self-signed.example': { mx: [{ certificate: 'self-signed' }] },
    'untrusted.example': { mx: [{ certificate: 'untrusted' }] },
    'mismatch.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
  },
};

/** Moves the clock of every process to the day that a file names, takes mail in, and writes down who delivered what. */
const surroundings = `
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const home = process.env.HARAKA || process.cwd();
exports.register = function () {
  this.register_hook('mail', 'tell_strangers', 200);
  this.register_hook('rcpt', 'take_recipient');
  this.register_hook('queue', 'take');
  this.register_hook('delivered', 'note', 50);
  this.register_hook('deferred', 'note', 50);
  const move = vm.runInThisContext(\`(() => {
    const Real = globalThis.Date;
    let days = 0;
    globalThis.Date = class Date extends Real {
      constructor(...args) { args.length === 0 ? super(Real.now() + days * 864e5) : super(...args); }
      static now() { return Real.now() + days * 864e5; }
    };
    return (to) => { days = to; };
  })()\`);
  const look = () => {
    try { move(Number(fs.readFileSync(path.join(home, 'day'), 'utf8'))); } catch {}
  };
  setInterval(look, 50).unref();
  look();
};
exports.tell_strangers = (next, connection, [sender]) => {
  if (/stranger/.test(String(sender.host))) connection.relaying = false;
  next();
};
exports.take_recipient = (next) => next(OK);
exports.take = (next) => next(OK);
exports.note = (next, hmail) => {
  fs.appendFileSync(path.join(home, 'fates'), process.pid + ' ' + hmail.todo.domain + '\\n');
  next();
};
`;

const day = 86_400_000;
const dayText = (offset: number): string => new Date(Date.now() + offset * day).toISOString().slice(0, 10);

/** How a peer is authenticated by what it shows, and why its mail waits where it does. */
const verifiedAt: Readonly<Record<string, string>> = {
  'clear.example': 'none',
  'dane.example': 'dane',
  'enforce.example': 'pkix',
};
const refusedFor: Readonly<Record<string, string>> = {
  'untrusted.example': 'certificate-not-trusted',
  'mismatch.example': 'certificate-not-trusted',
};

/** Every figure of `traffic` but the key exchange, which Node does not show to a server. */
interface Figures {
  messages: number;
  deferred: number;
  bounced: number;
  refused: number;
  readonly tls: Record<string, number>;
  readonly verified: Record<string, number>;
  readonly reasons: Record<string, number>;
  cleartext: number;
  lastSeen: string;
}

/** What should be there, by day, direction and peer. */
class Ledger {
  readonly #figures = new Map<string, Figures>();

  of(key: string): Figures {
    const known = this.#figures.get(key) ?? none(key.slice(0, 10));
    this.#figures.set(key, known);
    return known;
  }

  went(key: string, version: string, verified: string): void {
    const figures = this.of(key);
    figures.messages += 1;
    more(figures.tls, version);
    more(figures.verified, verified);
    figures.cleartext = (figures.tls['none'] ?? 0) / figures.messages;
  }

  failed(key: string, how: 'deferred' | 'refused', reason: string): void {
    const figures = this.of(key);
    figures[how] += 1;
    more(figures.reasons, reason);
  }

  entries(): [string, Figures][] {
    return [...this.#figures].filter(
      ([, { messages, deferred, refused }]) => messages + deferred + refused > 0,
    );
  }
}

function none(day: string): Figures {
  const counts = { messages: 0, deferred: 0, bounced: 0, refused: 0, cleartext: 0 };
  return { ...counts, tls: {}, verified: {}, reasons: {}, lastSeen: day };
}

function more(counts: Record<string, number>, value: string): void {
  counts[value] = (counts[value] ?? 0) + 1;
}

export async function compareDays(print: (line: string) => void): Promise<void> {
  const lab = await startLab(world, {
    workers: 2,
    retryIntervals: '9d*12',
    plugins: ['surroundings', 'tls-peers', 'tls'],
    ownPlugins: { surroundings },
    config: {
      ...(await tlsConfig('mail.lab.example')),
      'tls-peers/ours.example.ini':
        '[outbound]\nsecurity_level = auto\n\n[outbound untrusted.example]\nsecurity_level = verify\n\n' +
        '[inbound strict.stranger.example]\nsecurity_level = mandatory\n',
    },
  });
  try {
    await run(lab, print);
  } finally {
    await lab.stop();
  }
}

async function run(lab: Lab, print: (line: string) => void): Promise<void> {
  const ledger = new Ledger();
  for (const offset of [0, 1, 2]) {
    await writeFile(path.join(lab.haraka.directory, 'day'), String(offset));
    // Every process looks twenty times a second.
    await waitFor(500);
    await sendOut(lab, ledger, dayText(offset), 3);
    await takeIn(lab, ledger, dayText(offset));
    await compared(lab, ledger, offset);
    print(`day ${offset + 1}: all written, all equal`);
  }
  const killed = await killWorkerBusyWith(lab, ledger);
  print(`a worker was killed with ${killed} messages that it had not written`);
  await compared(lab, ledger, 2);
  print('afterwards: equal, less these');
}

async function sendOut(lab: Lab, ledger: Ledger, on: string, times: number): Promise<void> {
  const messages = Object.keys(world.domains).flatMap((domain) =>
    Array.from({ length: times }, () => domain),
  );
  const before = seenBy(lab);
  const attempts = attemptsAt(lab);
  await Promise.all(
    messages.map((domain) =>
      lab.deliver({ from: 'me@ours.example', to: `you@${domain}` }, { timeoutMs: 60_000 }),
    ),
  );
  noteDelivered(lab, ledger, on, before);
  for (const [domain, seen] of attemptsAt(lab))
    for (let count = seen - (attempts.get(domain) ?? 0); count > 0; count--)
      ledger.failed(`${on} out ${domain}`, 'deferred', refusedFor[domain] ?? '');
}

/** What the peers got since `before`, but for the first `lost` of them. */
function noteDelivered(
  lab: Lab,
  ledger: Ledger,
  on: string,
  before: ReadonlyMap<string, Seen>,
  lost = 0,
): number {
  let got = 0;
  for (const [key, { domain, version, messages: seen }] of seenBy(lab))
    for (let count = seen - (before.get(key)?.messages ?? 0); count > 0; count--) {
      got += 1;
      if (got > lost) ledger.went(`${on} out ${domain}`, version, verifiedAt[domain] ?? 'unauthenticated');
    }
  return got;
}

/** Connections to peers that are refused, none of which got a message. */
function attemptsAt(lab: Lab): Map<string, number> {
  const attempts = new Map<string, number>();
  for (const { name, connections } of lab.peers) {
    const domain = name.replace(/^mx\./, '');
    if (domain in refusedFor)
      attempts.set(domain, connections.filter(({ messages }) => messages.length === 0).length);
  }
  return attempts;
}

interface Seen {
  readonly domain: string;
  readonly version: string;
  messages: number;
}

/** Messages by peer and TLS version, as the peers saw them. */
function seenBy(lab: Lab): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  for (const { name, connections } of lab.peers)
    for (const { tls, messages } of connections) {
      const version = tls.kind === 'established' ? tls.version : 'none';
      const domain = name.replace(/^mx\./, '');
      const one = seen.get(`${domain} ${version}`) ?? { domain, version, messages: 0 };
      one.messages += messages.length;
      seen.set(`${domain} ${version}`, one);
    }
  return seen;
}

async function takeIn(lab: Lab, ledger: Ledger, on: string): Promise<void> {
  const { port } = lab.haraka;
  for (const tls of ['none', 'TLSv1', 'TLSv1.2', 'TLSv1.3', 'TLSv1.3'] as const) {
    const reply = await handIn({ port, tls, from: 'a@stranger.example', to: 'b@ours.example' });
    if (!reply.startsWith('250')) throw new Error(`mail of a stranger was answered with ${reply}`);
    ledger.went(`${on} in stranger.example`, tls, tls === 'none' ? 'none' : 'unauthenticated');
  }
  for (const tls of ['none', 'TLSv1', 'TLSv1.2'] as const) {
    const reply = await handIn({ port, tls, from: 'a@strict.stranger.example', to: 'b@ours.example' });
    const key = `${on} in strict.stranger.example`;
    const reason = tls === 'none' ? 'starttls-not-supported' : 'tls-version-too-low';
    if (reply.startsWith('250')) ledger.went(key, tls, 'unauthenticated');
    else ledger.failed(key, 'refused', reason);
  }
}

/** One that has just delivered something; what it had not written is taken out of the ledger. */
async function killWorkerBusyWith(lab: Lab, ledger: Ledger): Promise<number> {
  const file = path.join(lab.haraka.directory, 'fates');
  const before = readFileSync(file, 'utf8').length;
  const seen = seenBy(lab);
  const domain = 'tls13.example';
  await Promise.all(
    Array.from({ length: 12 }, () => lab.deliver({ from: 'me@ours.example', to: `you@${domain}` })),
  );
  const fates = readFileSync(file, 'utf8').slice(before).trim().split('\n');
  const pids = fates.map((line) => Number(line.split(' ')[0]));
  const [victim = 0] = pids;
  process.kill(victim, 'SIGKILL');
  const lost = pids.filter((pid) => pid === victim).length;
  const got = noteDelivered(lab, ledger, dayText(2), seen, lost);
  if (got !== pids.length) throw new Error(`the peer got ${got} messages, Haraka speaks of ${pids.length}`);
  return lost;
}

async function compared(lab: Lab, ledger: Ledger, lastOffset: number): Promise<void> {
  let differences: string[] = [];
  for (let tries = 0; tries < 60; tries++) {
    differences = differencesFrom(lab, ledger, lastOffset);
    if (differences.length === 0) return;
    await waitFor(250);
  }
  throw new Error(`the record is not what peers saw:\n${differences.join('\n')}`);
}

function differencesFrom(lab: Lab, ledger: Ledger, lastOffset: number): string[] {
  const found = new Ledger();
  for (let offset = 0; offset <= lastOffset; offset++) {
    const on = dayText(offset);
    for (const row of traffic(lab, on)) {
      const figures = found.of(`${on} ${row.direction} ${row.peer}`);
      const { managed, direction, peer, tls, verified, reasons } = row;
      const { messages, deferred, bounced, refused, cleartext, lastSeen } = row;
      const sums = { messages, deferred, bounced, refused, cleartext, lastSeen };
      Object.assign(figures, { ...sums, tls, verified, reasons });
      if (managed !== 'ours.example') throw new Error(`${direction} ${peer} is counted for ${managed}`);
    }
  }
  const [is, should] = [new Map(found.entries()), new Map(ledger.entries())];
  return [...new Set([...is.keys(), ...should.keys()])]
    .filter((key) => !isDeepStrictEqual(is.get(key), should.get(key)))
    .map((key) => `${key}: is ${JSON.stringify(is.get(key))}, should be ${JSON.stringify(should.get(key))}`);
}

function traffic(lab: Lab, on: string): PeerTraffic[] {
  const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
  const args = [cli, 'traffic', '-c', lab.haraka.directory, '--json', '--from', on, '--to', on];
  return (JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as { peers: PeerTraffic[] })
    .peers;
}

function waitFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
