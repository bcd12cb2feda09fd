import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { silent } from '../../../src/log';
import { utcDay } from '../../../src/peers/day';
import { outboundRule } from '../../../src/peers/rules';
import { directorySource } from '../../../src/settings/load/source';
import { openSettings, type SettingsStore } from '../../../src/settings/reload/settings_store';
import { call } from '../../cli/call';
import { testRoot } from '../test_root';

let install = '';
let directory = '';
let store: SettingsStore;
let logged: string[] = [];
let onLog: () => void = () => undefined;
let waiting: ((changed: readonly string[]) => void) | undefined;

beforeEach(() => {
  install = mkdtempSync(path.join(tmpdir(), 'tls-peers-watch-'));
  directory = path.join(install, 'config');
  mkdirSync(directory);
  logged = [];
});

afterEach(() => {
  store.close();
  rmSync(install, { recursive: true });
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
  store = openSettings(directorySource(directory), log, {
    onChange: (_, changed) => waiting?.(changed),
    interval: 20,
    now,
  });
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
  const found = outboundRule(store.current(), sender, recipient, utcDay(new Date('2026-06-15')));
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

  await changedBy(() => put('tls-peers/stays.example.ini', '[outbound]\nsecurity_level = none\n'));
  expect(await changedBy(() => rmSync(path.join(directory, 'tls-peers/a.example.ini')))).toEqual([
    'a.example: no longer managed',
  ]);
  expect(level('a.example')).toBe('opportunistic');
  expect(logged).toContain(
    'a.example is not managed any more, its file was removed: mail from it is now held to tls-peers.ini [outbound], ' +
      'opportunistic; mail to it to tls-peers.ini [inbound], opportunistic',
  );
});

describe('files that vanish', { tags: ['regression'] }, () => {
  const rules = (name: string) => path.join(directory, name);
  const a = 'tls-peers/a.example.ini';
  const b = 'tls-peers/b.example.ini';
  const mandatory = '[outbound]\nsecurity_level = mandatory\n';

  beforeEach(() => {
    put('smtp.ini', '');
    put('tls-peers.ini', '[outbound]\nsecurity_level = verify\n');
    put(a, mandatory);
  });

  it.each<[what: string, gone: string[], said: RegExp[]]>([
    [
      'the last domain file',
      [a],
      [
        /^tls-peers\/a\.example\.ini: is gone: put it back, or accept that with tls-peers lint --accept-removal$/,
      ],
    ],
    ['the directory', ['tls-peers'], [/^tls-peers\/a\.example\.ini: is gone: /]],
    [
      'the global file',
      ['tls-peers.ini'],
      [/^tls-peers\.ini: is gone: /, /^tls-peers\.ini: 1 fault: the last good/],
    ],
    [
      'both',
      ['tls-peers', 'tls-peers.ini'],
      [/^tls-peers\/a\.example\.ini: is gone/, /^tls-peers\.ini: is gone/],
    ],
  ])('%s: the last good rules stay in force, and the files are taken again', async (_what, gone, said) => {
    open();
    for (const one of gone) renameSync(rules(one), rules(`away.${path.basename(one)}`));
    for (const line of said) await untilLogged(line);
    // Also after something else has changed.
    await changedBy(() => put('tls-peers/new.example.ini', '[outbound]\nsecurity_level = none\n'));
    expect([level('a.example'), level('stranger.example')]).toEqual(['mandatory', 'verify']);
    rmSync(rules('tls-peers'), { recursive: true });
    put(a, mandatory.replace('mandatory', 'none'));
    await untilLogged(/a\.example \[outbound\]: security_level: mandatory -> none/);
    put('tls-peers.ini', '[outbound]\nsecurity_level = may\n');
    await untilLogged(/tls-peers\.ini \[outbound\]: security_level: verify -> opportunistic/);
  });

  it('several domain files at once are told in one line', async () => {
    put(b, mandatory);
    open();
    renameSync(rules('tls-peers'), rules('away'));
    await untilLogged(/^tls-peers\/: the files of a\.example, b\.example are gone: put them back, or accept/);
    await untilLogged(/^tls-peers\/: 1 fault: the last good settings stay in force$/);
    renameSync(rules('away'), rules('tls-peers'));
    await untilLogged(/^tls-peers\/: valid again$/);
    expect([level('a.example'), level('b.example'), store.faults()]).toEqual(['mandatory', 'mandatory', []]);
  });

  it.each([a, 'tls-peers.ini'])('%s emptied, as by a full disk, keeps what it said', async (file) => {
    put(b, mandatory);
    open();
    writeFileSync(rules(file), '\n');
    await untilLogged(
      new RegExp(`^${file}: is empty, and was not: put back what it held, or write a comment`),
    );
    expect([level('a.example'), level('stranger.example')]).toEqual(['mandatory', 'verify']);
    await changedBy(() => put(file, '; on purpose\n'));
    expect([level('a.example'), level('stranger.example')]).not.toEqual(['mandatory', 'verify']);
  });

  it('what is said to be meant is forgotten, without a restart', async () => {
    open();
    store.remember();
    rmSync(rules('tls-peers'), { recursive: true });
    rmSync(rules('tls-peers.ini'));
    await untilLogged(/^tls-peers\.ini: 1 fault/);
    await writtenDown('"global":"lost","domains":[["a.example","lost"]]');
    const { code, out } = await call(['lint', '--offline', '--accept-removal', '-c', directory]);
    expect([code, out.slice(0, 2)]).toEqual([
      0,
      ['accepted tls-peers.ini is gone', 'accepted tls-peers/a.example.ini is gone'],
    ]);
    await untilLogged(/^a\.example is not managed any more, .* held to tls-peers\.ini \[outbound\], auto; /);
    expect([level('a.example'), level('stranger.example'), store.faults()]).toEqual(['auto', 'auto', []]);
    await writtenDown('"global":"absent","domains":[]');
    // And vanishes anew, should it come back.
    await changedBy(() => put(a, mandatory));
    rmSync(rules(a));
    await untilLogged(
      /^tls-peers\/a\.example\.ini: 1 fault: the last good settings of a\.example stay in force/,
    );
    expect(level('a.example')).toBe('mandatory');
  });

  it('a store opened anew holds back what vanished, and says so once it is back', async () => {
    put(b, mandatory);
    open();
    store.remember();
    await writtenDown('["a.example","written"],["b.example","written"]');
    store.close();
    renameSync(rules('tls-peers'), rules('away'));
    open();
    expect([level('a.example'), level('b.example'), level('stranger.example')]).toEqual([
      'config-invalid',
      'config-invalid',
      'verify',
    ]);
    expect(logged).toContain('tls-peers/: 1 fault: mail of these domains is held back until it is mended');
    await changedBy(() => renameSync(rules('away'), rules('tls-peers')));
    expect([level('a.example'), level('b.example')]).toEqual(['mandatory', 'mandatory']);
  });

  it('what is removed while nothing runs counts where others stay, and is named', async () => {
    put(b, mandatory);
    open();
    store.remember();
    await writtenDown('["a.example","written"],["b.example","written"]');
    store.close();
    rmSync(rules(a));
    logged = [];
    open();
    expect(level('a.example')).toBe('verify');
    expect(logged).toEqual([
      'a.example is not managed any more, its file was removed: mail from it is now held to tls-peers.ini [outbound], ' +
        'verify; mail to it to tls-peers.ini [inbound], opportunistic',
    ]);
  });

  it('what was written down comes back where somebody removes it', async () => {
    open();
    store.remember();
    await writtenDown('["a.example","written"]');
    rmSync(path.join(install, 'mta-sts'), { recursive: true });
    await changedBy(() => put(b, mandatory));
    await writtenDown('["a.example","written"],["b.example","written"]');
  });
});

async function writtenDown(what: string): Promise<void> {
  const file = path.join(install, 'mta-sts/rules.json');
  await expect
    .poll(() => existsSync(file) && readFileSync(file, 'utf8'), { timeout: 20_000 })
    .toContain(what);
}

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
    store = openSettings(source, silent, { interval: 1000 });
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
