/**
 * MTA-STS policies and TXT records, made by the grammar of RFC 8461 and then mutated.
 *
 * What the grammar makes must be accepted and mean what it was made from. What mutation makes of it may be refused, but must
 * not throw; what is accepted must read back the same after it was written again.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { matchesPolicy } from '../../../src/mta_sts/match';
import { describeFault, longestMaxAge, parsePolicy, serializePolicy } from '../../../src/mta_sts/policy';
import { parseRecordSet } from '../../../src/mta_sts/record';
import type { StsPolicy } from '../../../src/mta_sts/types';

/** Seeded, so that a failure can be had again (mulberry32). */
class Random {
  #state: number;

  constructor(state: number) {
    this.#state = state;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  text(alphabet: string, least: number, most: number): string {
    const chars = Array.from(alphabet);
    return Array.from({ length: least + this.below(most - least + 1) }, () => this.pick(chars)).join('');
  }
}

const lower = 'abcdefghijklmnopqrstuvwxyz';
const alphanumeric = `${lower}${lower.toUpperCase()}0123456789`;
const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index)).join('');

// ---- by the grammar

interface Made<T> {
  readonly text: string;
  readonly meaning: T;
}

function blanks(random: Random): string {
  return random.text(' \t', 0, 2);
}

function hostName(random: Random): string {
  const labels = Array.from({ length: 1 + random.below(3) }, () => random.text(`${lower}0123456789`, 1, 12));
  return [...labels, random.text(lower, 2, 5)].join('.');
}

function makePolicy(random: Random): Made<StsPolicy> {
  const mode = random.pick(['enforce', 'testing', 'none'] as const);
  const patterns = Array.from(
    { length: random.below(5) + (mode === 'none' ? 0 : 1) },
    () => random.pick(['', '*.']) + hostName(random),
  );
  const digits = random.text('0123456789', 1, 10);
  const extensions = Array.from({ length: random.below(4) }, (_, index) => makeExtension(random, index));
  const fields: [key: string, value: string][] = [
    ['version', 'STSv1'],
    ['mode', mode],
    ['max_age', digits],
    ...patterns.map((pattern): [string, string] => [
      'mx',
      random.below(4) === 0 ? pattern.toUpperCase() : pattern,
    ]),
    ...extensions,
  ];
  const lines = shuffledBetween(random, fields).map(
    ([key, value]) => `${key}:${blanks(random)}${value}${blanks(random)}`,
  );
  const end = random.pick(['\n', '\r\n']);
  const meaning = {
    mode,
    mx: [] as string[],
    maxAge: Math.min(Number(digits), longestMaxAge),
    extensions: [] as [string, string][],
  };
  for (const line of lines) {
    const key = line.slice(0, line.indexOf(':'));
    const value = line.slice(line.indexOf(':') + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (key === 'mx' && !meaning.mx.includes(value.toLowerCase())) meaning.mx.push(value.toLowerCase());
    if (key.startsWith('x')) meaning.extensions.push([key, value]);
  }
  return { text: lines.join(end) + random.pick(['', end]), meaning };
}

function makeExtension(random: Random, index: number): [key: string, value: string] {
  const inner = `${visible} äß€🙂`;
  const value = random.text(visible, 1, 1) + random.text(inner, 0, 12) + random.text(`${visible}é`, 1, 1);
  return [`x${index}${random.text(`${alphanumeric}_-.`, 0, 20)}`, value];
}

function shuffledBetween<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value);
}

function makeRecord(random: Random): Made<string> {
  const id = random.text(alphanumeric, 1, 32);
  const value = visible.replace(';', '').replace('=', '');
  const others = Array.from(
    { length: random.below(3) },
    (_, index) => `x${index}${random.text(alphanumeric, 0, 8)}=${random.text(value, 1, 10)}`,
  );
  const delimiter = () => `${blanks(random)};${blanks(random)}`;
  const fields = shuffledBetween(random, [`id=${id}`, ...others]);
  const text = ['v=STSv1', ...fields].reduce((all, field) => `${all}${delimiter()}${field}`);
  return { text: text + random.pick(['', delimiter()]), meaning: id };
}

// ---- mutation

const tokens = [
  'version',
  'mode',
  'mx',
  'max_age',
  'STSv1',
  'STSv2',
  'enforce',
  'testing',
  'none',
  'v=STSv1',
  'id=',
  ':',
  ': ',
  ';',
  '=',
  '*',
  '*.',
  '.',
  '..',
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '\0',
  '\x1b[31m',
  '\x7f',
  '\x80',
  '\ufeff',
  '\u202e',
  '\u2028',
  '-',
  '+1',
  '1e9',
  '0x10',
  '99999999999',
  '192.0.2.1',
  '[192.0.2.1]',
  '2001:db8::1',
  'xn--',
  'xn--bcher-kva.example',
  'bücher.example',
  '٣',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'a'.repeat(64),
  '# ',
  '"',
  '\ud800',
  '🙂',
] as const;

type Mutation = (text: string, random: Random) => string;

const mutations: readonly Mutation[] = [
  (text, random) => cut(text, random, () => ''),
  (text, random) => cut(text, random, (piece) => piece + piece),
  (text, random) => cut(text, random, () => random.pick(tokens)),
  (text, random) => cut(text, random, (piece) => Array.from(piece).reverse().join('')),
  (text, random) => cut(text, random, (piece) => piece.toUpperCase()),
  (text, random) => insert(text, random, random.pick(tokens)),
  (text, random) => insert(text, random, String.fromCodePoint(random.below(0xd800))),
  (text, random) => insert(text, random, random.pick([' ', '\n', ':', '.', 'a']).repeat(random.below(300))),
  (text, random) => lineWise(text, random, (lines) => [...lines, random.pick(lines)]),
  (text, random) => lineWise(text, random, (lines) => lines.filter(() => random.below(5) > 0)),
  (text, random) => lineWise(text, random, (lines) => shuffledBetween(random, lines)),
];

function cut(text: string, random: Random, change: (piece: string) => string): string {
  const from = random.below(text.length + 1);
  const to = Math.min(text.length, from + random.below(12));
  return text.slice(0, from) + change(text.slice(from, to)) + text.slice(to);
}

function insert(text: string, random: Random, piece: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + piece + text.slice(at);
}

function lineWise(text: string, random: Random, change: (lines: string[]) => string[]): string {
  const end = random.pick(['\n', '\r\n']);
  return change(text.split(/\r?\n/)).join(end);
}

function mutate(text: string, random: Random): string {
  const times = random.pick([1, 1, 1, 2, 3]);
  return Array.from({ length: times }).reduce<string>((all) => random.pick(mutations)(all, random), text);
}

/** Also as bytes, some of which are then changed so that they may be no UTF-8. */
function asBytes(text: string, random: Random): Uint8Array {
  const bytes = Buffer.from(text);
  for (let n = random.below(3); n > 0 && bytes.length > 0; n--)
    bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

// ---- what must hold

class Violation extends Error {}

function check(condition: boolean, what: string, input: unknown): void {
  if (!condition) throw new Violation(`${what}: ${JSON.stringify(input)}`);
}

function checkPolicy(input: string | Uint8Array): 'accepted' | 'refused' {
  const parsed = parsePolicy(input);
  if (!parsed.ok) {
    check(!/[\p{Cc}\p{Cf}]/u.test(describeFault(parsed.fault)), 'unprintable fault', input);
    return 'refused';
  }
  const { mode, mx } = parsed.policy;
  check(mode === 'none' || mx.length > 0, 'accepted without mx', input);
  const patterns = mx.filter((value) => /^(?:\*\.)?[a-z0-9_][a-z0-9_.-]*$/.test(value));
  const hosts = mx.filter((value) => matchesPolicy(parsed.policy, value.replace(/^\*\./, 'x.')));
  check(
    hosts.every((host) => patterns.includes(host)),
    'a strange pattern matches',
    input,
  );
  check(hosts.length === mx.length || parsed.idle.length > 0, 'matches no host and is not named', input);
  const again = parsePolicy(serializePolicy(parsed.policy));
  check(again.ok && isDeepStrictEqual(again.policy, parsed.policy), 'not the same policy again', input);
  return 'accepted';
}

function checkRecord(text: string): 'accepted' | 'refused' {
  const record = parseRecordSet([text]);
  if (record.kind !== 'found') return 'refused';
  check(/^[A-Za-z0-9]{1,32}$/.test(record.id), 'a strange id', text);
  check(
    isDeepStrictEqual(parseRecordSet([`v=STSv1; id=${record.id};`]), record),
    'not the same id again',
    text,
  );
  return 'accepted';
}

function checkMade(random: Random): void {
  const policy = makePolicy(random);
  const parsed = parsePolicy(policy.text);
  check(parsed.ok && isDeepStrictEqual(parsed.policy, policy.meaning), 'not what it was made from', policy);
  const record = makeRecord(random);
  const found = parseRecordSet([record.text]);
  check(found.kind === 'found' && found.id === record.meaning, 'not what it was made from', record);
}

/** Arguments: `--cases N` (default 200,000; of which a third are records) and `--seed N`. */
export function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { cases: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
  });
  const cases = Number(values.cases);
  const random = new Random(Number(values.seed));
  const seen = { accepted: 0, refused: 0 };
  const start = performance.now();
  let slowest = 0;
  for (let n = 0; n < cases; n++) {
    const before = performance.now();
    try {
      if (n % 8 === 0) checkMade(random);
      if (n % 3 === 0) seen[checkRecord(mutate(makeRecord(random).text, random))]++;
      else {
        const text = mutate(makePolicy(random).text, random);
        seen[checkPolicy(random.below(2) === 0 ? text : asBytes(text, random))]++;
      }
    } catch (error) {
      console.error(
        `mta-sts: case ${n}, seed ${values.seed}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return Promise.resolve(1);
    }
    slowest = Math.max(slowest, performance.now() - before);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `mta-sts: ${cases} cases, seed ${values.seed}: ${seen.accepted} accepted, ${seen.refused} refused, ` +
      `0 crashes, every accepted one read back the same; ${seconds} s, slowest case ${slowest.toFixed(1)} ms`,
  );
  return Promise.resolve(0);
}
