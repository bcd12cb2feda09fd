import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silent } from '../../src/log';
import { outboundRule } from '../../src/peers/rules';
import { directorySource } from '../../src/settings/source';
import { openSettings, type SettingsStore } from '../../src/settings/watch';
import { testRoot } from './test_root';

let directory = '';
let store: SettingsStore;
let logged: string[] = [];
let onLog: () => void = () => undefined;
let waiting: ((changed: readonly string[]) => void) | undefined;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-watch-'));
  logged = [];
});

afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

function put(name: string, text: string): void {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function open(now = () => new Date('2026-06-15T12:00:00Z')): void {
  const note = (line: string) => {
    logged.push(line);
    onLog();
  };
  const log = { ...silent, notice: note, warn: note, error: note };
  store = openSettings(directorySource(directory), log, (_, changed) => waiting?.(changed), 20, now);
}

/** What is reported as changed after `change`. */
async function changedBy(change: () => void): Promise<readonly string[]> {
  const reported = new Promise<readonly string[]>((resolve) => (waiting = resolve));
  change();
  return reported;
}

/** Waits until a line like `line` was logged. */
async function untilLogged(line: RegExp): Promise<void> {
  while (!logged.some((one) => line.test(one))) await new Promise<void>((resolve) => (onLog = resolve));
}

function level(sender: string, recipient = 'b.example'): string {
  const found = outboundRule(store.current(), sender, recipient, '2026-06-15');
  return found.kind === 'rule' ? found.rule.level : found.failure.reason;
}

test('files that change, appear and disappear take effect, rule by rule', async () => {
  open();
  expect(level('a.example')).toBe('auto');

  expect(
    await changedBy(() => put('tls-peers/a.example.ini', '[outbound]\nsecurity_level = mandatory\n')),
  ).toEqual([
    'a.example: managed, enabled, 0 peers',
    'a.example [outbound]: added: security_level = mandatory',
  ]);
  expect(level('a.example')).toBe('mandatory');

  const edited =
    '[outbound]\nsecurity_level = encrypt\n[outbound b.example]\nsecurity_level = verify\nmatch = *.b.example, nexthop\n';
  expect(await changedBy(() => put('tls-peers/a.example.ini', edited))).toEqual([
    'a.example [outbound b.example]: added: security_level = verify; match = *.b.example, nexthop',
  ]);
  expect(level('a.example')).toBe('verify');

  expect(await changedBy(() => put('tls-peers/a.example.ini', edited.replace('*.b', 'mx.b')))).toEqual([
    'a.example [outbound b.example]: match: *.b.example, nexthop -> mx.b.example, nexthop',
  ]);

  expect(
    await changedBy(() =>
      put('tls-peers.ini', '[outbound]\nsecurity_level = may\n[timeouts]\ndecision = 9\n'),
    ),
  ).toEqual([
    'tls-peers.ini [outbound]: security_level: (not set) -> opportunistic',
    'tls-peers.ini [timeouts]: decision: 25 -> 9',
  ]);
  expect(level('')).toBe('opportunistic');

  expect(await changedBy(() => rmSync(path.join(directory, 'tls-peers/a.example.ini')))).toEqual([
    'a.example: no longer managed',
  ]);
  expect(level('a.example')).toBe('opportunistic');
});

test('what breaks keeps its last good meaning, and the rest goes on changing', async () => {
  put('tls-peers.ini', '[outbound]\nsecurity_level = mandatory\n');
  put('tls-peers/a.example.ini', '[outbound]\nsecurity_level = verify\n');
  open();

  put('tls-peers/a.example.ini', '[outbound]\nsecurity_level = verfiy\n');
  await untilLogged(/a\.example\.ini:2: \[outbound\]: security_level = verfiy: .*did you mean verify\?/);
  expect(level('a.example')).toBe('verify');

  await untilLogged(
    /^tls-peers\/a\.example\.ini: 1 fault: the last good settings of a\.example stay in force$/,
  );

  put('tls-peers.ini', '[outbuond]\n');
  await untilLogged(/tls-peers\.ini:1: \[outbuond\]: no such section; .*did you mean outbound\?/);
  await untilLogged(/^tls-peers\.ini: 1 fault: the last good settings stay in force$/);
  expect(level('stranger.example')).toBe('mandatory');

  await changedBy(() => put('tls-peers/new.example.ini', '[outbound]\nsecurity_level = none\n'));
  expect([level('new.example'), level('a.example'), level('stranger.example')]).toEqual([
    'none',
    'verify',
    'mandatory',
  ]);

  put('tls-peers/never.example.ini', 'security_level = none\n');
  await untilLogged(
    /^tls-peers\/never\.example\.ini: 1 fault: mail of never\.example is held back until it is mended$/,
  );
  expect(level('never.example')).toBe('config-invalid');

  rmSync(path.join(directory, 'tls-peers/never.example.ini'));
  put('tls-peers.ini', '[outbound]\nsecurity_level = mandatory\n');
  await untilLogged(/^tls-peers\.ini: valid again$/);
  await changedBy(() => put('tls-peers/a.example.ini', '[outbound]\nsecurity_level = mandatory\n'));
  await untilLogged(/every file is valid again/);
  expect(logged.filter((line) => /: valid again$/.test(line))).toEqual([
    'tls-peers.ini: valid again',
    'tls-peers/a.example.ini: valid again',
  ]);
  expect(store.faults()).toEqual([]);
});

test('a fault is said once, and again when its own file was written anew and still has it', async () => {
  const bad = 'tls-peers/bad.example.ini';
  put(bad, 'status = maybe\n');
  put('tls-peers/no domain.ini', '');
  put('tls-peers.ini', '[outbound]\nsecurity_level = mya\n');
  open();
  const told = () =>
    ['maybe', 'no domain name', 'mya'].map((what) => logged.filter((line) => line.includes(what)).length);
  // A domain without a valid file is named as such, too.
  const first = told();
  expect(first.every((times) => times > 0)).toBe(true);

  await changedBy(() => put('tls-peers/good.example.ini', '[outbound]\nsecurity_level = none\n'));
  await changedBy(() => put('tls-peers/good.example.ini', '[outbound]\nsecurity_level = may\n'));
  put('tls-peers/good.example.ini', 'status = off\n');
  await untilLogged(/good\.example\.ini:1: status = off/);
  expect(told()).toEqual(first);

  const before = logged.length;
  put(bad, '; mended, or so it seems\nstatus = maybe\n');
  await untilLogged(/bad\.example\.ini:2: status = maybe/);
  put(bad, '; mended, or so it seemed\nstatus = maybe\n');
  const repeated = () =>
    logged.slice(before).filter((line) => /^tls-peers\/bad\.example\.ini:2: /.test(line));
  while (repeated().length < 2) await new Promise<void>((resolve) => (onLog = resolve));
  expect(logged.slice(before).filter((line) => /mya|status = off|no domain name/.test(line))).toEqual([]);
});

test('files that are not valid at start hold mail back, and the log says whose', () => {
  put('tls-peers.ini', '[outbuond]\nsecurity_level = may\n');
  put('tls-peers/a.example.ini', 'status = maybe\n[outbound]\nmatch = x\n');
  put('tls-peers/not a domain.ini', '');
  open();
  expect(logged.filter((line) => / faults?: /.test(line))).toEqual([
    'tls-peers.ini: 1 fault: all mail is held back until it is mended',
    'tls-peers/a.example.ini: 2 faults: mail of a.example is held back until it is mended',
    'tls-peers/not a domain.ini: 1 fault: it is for no domain, and has no effect',
  ]);
});

test('a file that is not read for its name is named at start, once', async () => {
  put('tls-peers/example.com', '[outbound]\nsecurity_level = mandatory\n');
  open();
  const line = 'tls-peers/example.com: is not read: its name does not end in .ini';
  expect(logged).toEqual([line]);
  await changedBy(() => put('tls-peers/a.example.ini', '[outbound]\nsecurity_level = may\n'));
  expect(logged.filter((one) => one === line)).toHaveLength(1);
});

test('a file named by ca_file is followed too', async () => {
  put('roots.pem', testRoot);
  put('tls-peers.ini', '[outbound]\nca_file = roots.pem\n');
  open();
  expect(await changedBy(() => put('roots.pem', testRoot + testRoot))).toEqual([
    'tls-peers.ini [outbound]: ca_file: changed',
  ]);
  put('roots.pem', 'nothing');
  await untilLogged(/tls-peers\.ini:2: \[outbound\]: ca_file = roots\.pem: holds no PEM certificate/);
  expect(store.current().global.outbound.values.ca_file).toBe(testRoot + testRoot);
});

test('the end of an exemption is announced daily, and when it has passed', async () => {
  const section = (until: string) => `[outbound b.example]\nsecurity_level = may\nexempt_until = ${until}\n`;
  put('tls-peers/a.example.ini', section('2026-06-20'));
  put('tls-peers/off.example.ini', `status = disabled\n${section('2026-06-20')}`);
  put('tls-peers/later.example.ini', section('2026-12-31'));
  let now = '2026-06-06';
  open(() => new Date(`${now}T12:00:00Z`));
  const line = (what: string) =>
    `tls-peers/a.example.ini:3: [outbound b.example]: exempt_until = 2026-06-20: ${what}`;
  const days = [
    ['2026-06-07', 'ends in 13 days'],
    ['2026-06-19', 'ends tomorrow'],
    ['2026-06-20', 'ends today'],
    ['2026-06-21', 'has lapsed: the section no longer applies'],
  ] as const;
  expect(logged).toEqual([]);
  for (const [day, what] of days) {
    now = day;
    await untilLogged(new RegExp(what));
  }
  now = '2026-06-22';
  await changedBy(() => put('tls-peers/later.example.ini', section('2026-06-23')));
  expect(logged.filter((one) => one.includes('exempt_until = '))).toEqual([
    ...days.map(([, what]) => line(what)),
    'tls-peers/later.example.ini:3: [outbound b.example]: exempt_until = 2026-06-23: ends tomorrow',
  ]);
});

test('a closed store looks at nothing any more', () => {
  vi.useFakeTimers();
  try {
    let looks = 0;
    const source = { ...directorySource(directory), stamp: () => String(looks++) };
    store = openSettings(source, silent, undefined, 1000);
    vi.advanceTimersByTime(3000);
    const before = looks;
    store.close();
    vi.advanceTimersByTime(10_000);
    expect([before, looks]).toEqual([4, 4]);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
