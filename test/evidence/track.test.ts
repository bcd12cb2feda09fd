import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { trackRows } from '../../src/evidence/store/track_reader';
import { createTrackWriter, type TrackWriterOptions } from '../../src/evidence/store/track_writer';
import { isTracked, parseTrackLine, trackLine, type TrackRow } from '../../src/evidence/track';
import { silent } from '../../src/log';
import { parseDay, type Day } from '../../src/peers/day';
import { presentOwner } from '../../src/state/owner';
import { call, configDirectory } from '../cli/call';
import { times } from '../support/times';
import { anyText } from '../support/any_text';

const noon = Date.parse('2026-06-15T11:00:00Z');
const base: TrackRow = {
  at: noon,
  direction: 'out',
  transaction: 'A.1.1',
  id: '<1@ours.example>',
  from: 'me@ours.example',
  to: 'you@peer.example',
  managed: 'ours.example',
  peer: 'peer.example',
  rule: 'ours.example [outbound]',
  level: 'auto',
  host: 'mx.peer.example',
  address: '192.0.2.1',
  tls: 'TLSv1.3',
  group: 'X25519',
  verified: 'pkix',
  outcome: 'delivered',
  reason: '',
  text: '',
};

let [place, directory] = ['', ''];
let now = noon;
let said: string[] = [];
const log = { ...silent, warn: (line: string) => said.push(line), notice: (line: string) => said.push(line) };

beforeEach(() => {
  place = mkdtempSync(path.join(tmpdir(), 'tls-peers-track-'));
  directory = path.join(place, 'evidence');
  now = noon;
  said = [];
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

function writer(options: Partial<TrackWriterOptions> = {}) {
  return createTrackWriter({
    directory,
    owner: presentOwner(),
    log,
    days: 7,
    mostOctets: 1e9,
    now: () => new Date(now),
    ...options,
  });
}

const day = (text: string) => parseDay(text) as Day;

async function read(isWanted: (row: TrackRow) => boolean = () => true) {
  const problems: string[] = [];
  const rows: TrackRow[] = [];
  const reading = { directory, owner: presentOwner(), from: day('2026-06-01'), to: day('2026-06-30') };
  for await (const row of trackRows({ ...reading, isWanted, onProblem: (text) => problems.push(text) }))
    rows.push(row);
  return { rows, problems };
}

describe('a row', () => {
  it('is one line, and comes back as it was, whatever anybody wrote into it', () => {
    const text = anyText({ maxLength: 300 });
    fc.assert(
      fc.property(text, text, text, text, (from, to, id, words) => {
        const row = { ...base, from, to, id, text: words };
        const line = trackLine(row);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseTrackLine(line.trimEnd())).toEqual({ kind: 'row', row });
      }),
      { numRuns: 50 * times },
    );
  });

  it('is bounded', () => {
    const much = '\u{1f4e7}\0'.repeat(100_000);
    const line = trackLine({ ...base, from: much, to: much, id: much, text: much });
    expect(line.length).toBeLessThan(16_384);
    expect(parseTrackLine(line.trimEnd()).kind).toBe('row');
  });

  it.each([
    [{ id: '1@ours.example' }, true],
    [{ id: '<1@ours.example>' }, true],
    [{ id: '2@ours.example' }, false],
    [{ sender: 'ME@ours.example' }, true],
    [{ sender: '@ours.example' }, true],
    [{ sender: '@example' }, false],
    [{ sender: '' }, false],
    [{ recipient: '@peer.example' }, true],
    [{ recipient: 'you@peer.example', tls: 'TLSv1.3', reason: '' }, true],
    [{ tls: 'none' }, false],
    [{ reason: 'reply' }, false],
  ])('is found by %j: %s', (wanted, found) => {
    expect(isTracked(wanted, base)).toBe(found);
  });
});

describe('the log', () => {
  it('is read in the order of time, from several processes and days', async () => {
    const [one, two] = [writer(), writer()];
    for (let at = 0; at < 10; at++) {
      now = noon + at * 7_200_000;
      (at % 2 === 0 ? one : two).add({ ...base, at: now, to: `r${at}@peer.example` });
      if (at === 4) await one.flush();
    }
    await Promise.all([one.flush(), two.flush()]);
    const { rows, problems } = await read();
    expect(rows.map(({ to }) => to)).toEqual(Array.from({ length: 10 }, (_, at) => `r${at}@peer.example`));
    expect(problems).toEqual([]);
    const names = readdirSync(directory);
    expect(names).toHaveLength(4);
    for (const name of names) expect(statSync(path.join(directory, name)).mode & 0o777).toBe(0o600);
  });

  it('goes on in another file where one is large, and the oldest go where all are', async () => {
    const one = writer({ fileOctets: 2000, mostOctets: 6000 });
    for (let at = 0; at < 40; at++) {
      one.add({ ...base, at: now + at });
      await one.flush();
    }
    const names = readdirSync(directory);
    expect(names.length).toBeGreaterThan(1);
    const octets = names.reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
    expect(octets).toBeLessThan(6000 + 2 * 2500);
    expect((await read()).rows.at(-1)?.at).toBe(now + 39);
  });

  it('is removed when its days are over', async () => {
    now = Date.parse('2026-06-01T00:00:00Z');
    const old = writer();
    old.add({ ...base, at: now });
    await old.flush();
    now = noon;
    const one = writer();
    one.add(base);
    await one.flush();
    expect(readdirSync(directory).map((name) => name.slice(0, 10))).toEqual(['2026-06-15']);
  });

  it('is bounded in memory while the disk refuses it, and says what is missing', async () => {
    writeFileSync(directory, 'a file in its place');
    const one = writer({ mostWaiting: 2000 });
    for (let at = 0; at < 20; at++) {
      one.add({ ...base, at: now + at });
      if (at % 5 === 0) await one.flush();
    }
    expect(said).toEqual([expect.stringContaining('cannot be written')]);
    rmSync(directory);
    await one.flush();
    const { rows, problems } = await read();
    expect(rows.length).toBeGreaterThan(0);
    expect(problems).toEqual([expect.stringContaining(`${20 - rows.length} lines are missing`)]);
    one.add({ ...base, at: now + 99 });
    one.close();
    expect((await read()).rows.at(-1)?.at).toBe(now + 99);
  });

  it('goes on where a write ended that the disk took half of', async () => {
    mkdirSync(directory, { mode: 0o700 });
    const one = writer();
    one.add(base);
    await one.flush();
    const handle = await fs.open(path.join(directory, readdirSync(directory)[0] ?? ''), 'r');
    const prototype = Object.getPrototypeOf(handle) as {
      write: (this: unknown, octets: Buffer) => Promise<unknown>;
    };
    await handle.close();
    const whole = prototype.write;
    let calls = 0;
    const spy = vi.spyOn(prototype, 'write').mockImplementation(function (this: unknown, octets: Buffer) {
      if (++calls === 2) return Promise.reject(new Error('ENOSPC: no space left on device'));
      return whole.call(this, octets.subarray(0, Math.ceil(octets.length / 2)));
    });
    for (let at = 1; at < 4; at++) one.add({ ...base, at: now + at });
    await one.flush();
    expect(said).toEqual([expect.stringContaining('ENOSPC')]);
    spy.mockRestore();
    one.add({ ...base, at: now + 4 });
    await one.flush();
    const { rows, problems } = await read();
    expect(rows.map(({ at }) => at - now)).toEqual([0, 1, 2, 3, 4]);
    expect(problems).toEqual([]);
  });

  it('costs its own lines where it is damaged, and files that are none of ours are said', async () => {
    const one = writer();
    one.add(base);
    await one.flush();
    const [name = ''] = readdirSync(directory);
    appendFileSync(
      path.join(directory, name),
      `{"at":1}\nnonsense\n${trackLine({ ...base, at: now + 1 })}{"at":17`,
    );
    const put = (id: string, text: string) =>
      writeFileSync(path.join(directory, `2026-06-15.${id.repeat(16)}.track.jsonl`), text);
    put('1', '{"format":9,"kind":"track"}\n');
    put('2', 'foreign\n');
    put('3', `{"format":1,"kind":"track"}\n${'x'.repeat(100_000)}\n${trackLine({ ...base, at: now + 2 })}`);
    const { rows, problems } = await read();
    expect(rows.map(({ at }) => at - now)).toEqual([0, 1, 2]);
    expect(problems.map((problem) => problem.slice(problem.indexOf(':') + 2)).sort()).toEqual([
      expect.stringMatching(/^\d damaged lines are left out/),
      expect.stringMatching(/^\d damaged lines are left out/),
      expect.stringContaining('newer version'),
      'no log of messages',
    ]);
    expect(readFileSync(path.join(directory, name), 'utf8')).toContain('nonsense');
  });
});

describe('tls-peers track', () => {
  async function calling(...args: string[]) {
    const { directory: config, remove } = configDirectory({
      'config/tls-peers.ini': `[evidence]\ntrack = true\ndirectory = ${directory}\n`,
    });
    try {
      return await call(['track', '-c', config, ...args]);
    } finally {
      remove();
    }
  }

  it('shows the rows that are asked for, and nothing of them moves the cursor or is a formula', async () => {
    const one = writer();
    one.add(base);
    one.add({
      ...base,
      from: '=1+1@evil.example',
      id: '<\u001b[2J@x>',
      tls: 'none',
      outcome: 'deferred',
      reason: 'reply',
    });
    await one.flush();
    const text = await calling('--recipient', 'peer.example');
    expect(text.code).toBe(0);
    expect(text.out[0]).toBe('2026-06-09 to 2026-06-15 (UTC): 2 rows');
    expect(text.out.join('\n')).toMatch(
      /2026-06-15 11:00:00 {2}out {2}<me@ours.example> +<you@peer.example> +delivered/,
    );
    const csv = await calling('--tls', 'none', '--csv');
    expect(csv.out).toHaveLength(2);
    expect(csv.out[1]).toContain(",'=1+1@evil.example,");
    expect(csv.out.join('')).not.toContain('\u001b');
    const { rows } = JSON.parse(
      (await calling('--json', '--message-id', '1@ours.example')).out.join('\n'),
    ) as {
      rows: { at: string; to: string }[];
    };
    expect(rows).toMatchObject([{ at: '2026-06-15T11:00:00.000Z', to: 'you@peer.example' }]);
    expect((await calling('--inbound', '--json')).out.join('')).toContain('"rows": []');
  });

  it.each([
    [['--tls', '1.4'], /--tls: one of none, 1.0/],
    [['--reason', 'dane-requird'], /did you mean dane-required/],
    [['--sender', ''], /an address or a domain is needed/],
    [['--top', 'x'], /a number is needed/],
  ])('%j is a wrong call', async (args, problem) => {
    const { code, err } = await calling(...args);
    expect(code).toBe(2);
    expect(err[0]).toMatch(problem);
  });

  it('says so where nothing is tracked', async () => {
    const { directory: config, remove } = configDirectory({ 'config/tls-peers.ini': '' });
    const { code, err } = await call(['track', '-c', config]);
    remove();
    expect([code, err[0]]).toEqual([3, expect.stringContaining('track = false')]);
    expect((await calling()).code).toBe(3);
  });
});
