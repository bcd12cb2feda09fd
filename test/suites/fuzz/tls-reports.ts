/**
 * Received TLS reports: the fixtures, mutated as text, as octets before they are unpacked, and as values. None may throw but what
 * unpacking throws, take long, or come out beyond the bounds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { unpack } from '../../../src/reports/receive/unpack';
import { attribute } from '../../../src/tlsrpt/attribution';
import { gateOf, gateText } from '../../../src/tlsrpt/gate';
import { readReport, receivedBounds, type ReceivedReport } from '../../../src/tlsrpt/received';

const directory = path.resolve(import.meta.dirname, '../../fixtures/tls_reports');

/** Seeded, so that a failure can be had again (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Milliseconds that one may take. */
const longest = 2_000;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
  });
  const runs = Number(values.runs);
  const random = randomFrom(Number(values.seed));
  const originals = readdirSync(directory)
    .filter((name) => name !== 'expected.json')
    .map((name) => readFileSync(path.join(directory, name)));
  let [read, refused, worst] = [0, 0, 0];
  for (let at = 0; at < runs; at++) {
    const original = originals[random(originals.length)] ?? Buffer.alloc(0);
    const mutated = mutate(original, random);
    const begun = performance.now();
    try {
      const report = await reportOf(mutated);
      if (report === undefined) refused++;
      else {
        read++;
        hold(report);
      }
    } catch (error) {
      console.error(`run ${at}: ${String(error)}\n${mutated.toString('base64').slice(0, 2000)}`);
      return 1;
    }
    worst = Math.max(worst, performance.now() - begun);
    if (worst > longest) {
      console.error(`run ${at} took ${Math.round(worst)} ms`);
      return 1;
    }
    if ((at + 1) % 20_000 === 0) console.log(`${at + 1} of ${runs}: ${read} read, ${refused} refused`);
  }
  const heap = Math.round(process.memoryUsage().rss / 1e6);
  console.log(
    `${runs} mutated reports: ${read} read, ${refused} refused, none broke; the slowest ${worst.toFixed(1)} ms; ${heap} MB`,
  );
  return 0;
}

/** @returns `undefined` where it is refused with a reason */
async function reportOf(octets: Buffer): Promise<ReceivedReport | undefined> {
  let text: string;
  try {
    text = await unpack(octets);
  } catch (error) {
    if (error instanceof Error && error.message !== '') return undefined;
    throw error;
  }
  const result = readReport(text);
  if (result.kind === 'unreadable' && result.problem === '') throw new Error('refused without a reason');
  return result.kind === 'report' ? result.report : undefined;
}

function hold(report: ReceivedReport): void {
  const { policies, failures, lines } = receivedBounds;
  if (report.policies.length > policies) throw new Error('too many policies');
  for (const one of report.policies) {
    if (one.failures.length > failures || one.text.length > lines) throw new Error('more than the bounds');
    for (const count of [one.successful, one.failed, ...one.failures.map((failure) => failure.count)])
      if (!Number.isSafeInteger(count) || count < 0) throw new Error(`${count} is no count`);
  }
  if (/[\p{Cc}\u2028\u202e]/u.test(report.organization + report.id + report.contact))
    throw new Error('a control character came through');
  const found = attribute(report, '', (domain) => domain === 'ours.example');
  if (found.kind === 'foreign') return;
  const gate = gateOf([{ managed: found.managed, signer: 'google.com', report: found.report }], {
    domain: found.managed,
    policy: { mode: 'testing', mx: ['mx.ours.example'] },
    trusted: ['google.com'],
    afterDays: 14,
    afterReporters: 2,
    now: Date.parse('2026-11-02T06:00:00Z'),
  });
  if (gate.kind === 'safe') throw new Error(`one report opened the gate: ${gateText(gate)}`);
}

const pieces = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  'null',
  '1e999',
  '-1',
  '"\\ud800"',
  '\u0000',
  '9'.repeat(400),
  '[[[[[[[[',
  '"policies":',
  '"policy":7,',
];

function mutate(original: Buffer, random: (below: number) => number): Buffer {
  if (random(4) === 0) return mutateValues(original, random);
  let octets = Buffer.from(original);
  for (let times = 1 + random(6); times > 0; times--) {
    const at = random(octets.length + 1);
    switch (random(6)) {
      case 0:
        if (at < octets.length) octets[at] = random(256);
        break;
      case 1:
        octets = Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1 + random(40))]);
        break;
      case 2:
        octets = Buffer.concat([
          octets.subarray(0, at),
          Buffer.from(pieces[random(pieces.length)] ?? ''),
          octets.subarray(at),
        ]);
        break;
      case 3: {
        const from = random(octets.length + 1);
        octets = Buffer.concat([
          octets.subarray(0, at),
          octets.subarray(from, from + random(200)),
          octets.subarray(at),
        ]);
        break;
      }
      case 4:
        octets = octets.subarray(0, at);
        break;
      default:
        if (random(20) === 0) octets = gzipSync(octets);
    }
  }
  return octets;
}

const strange = [
  null,
  true,
  [],
  {},
  '',
  0,
  -1,
  1.5,
  1e300,
  '7',
  'x'.repeat(5000),
  [[]],
  { a: 1 },
  '2026-02-31',
  '\u202e',
];

/** The same JSON with values of other kinds in it. */
function mutateValues(original: Buffer, random: (below: number) => number): Buffer {
  let parsed: unknown;
  try {
    parsed = JSON.parse(original.toString());
  } catch {
    return original;
  }
  const change = (value: unknown): unknown => {
    if (random(12) === 0) return strange[random(strange.length)];
    if (Array.isArray(value)) return value.map(change);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => (random(25) === 0 ? [] : [[key, change(inner)]])),
    );
  };
  return Buffer.from(JSON.stringify([change(parsed)]).slice(1, -1));
}
