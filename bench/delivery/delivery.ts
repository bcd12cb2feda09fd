/**
 * Messages through real mail servers to hosts with TLS: stock Haraka, Haraka with the suite at each level, Postfix. All of them meet
 * the same hosts, the same DNS and the same messages, in turns.
 */
import type { SecurityLevel } from '../../src/peers/rule';
import { ownDomain } from '../decision/suite';
import { alternate, figure, percentile, ratios } from '../measure';
import type { Effort, Figure, Line } from '../report';
import { monotonicMs } from './clock';
import { startHarakaSubject, type HarakaKind } from './haraka_subject';
import type { Letter } from './injector';
import { postfixMissing, startPostfixSubject, type PostfixKind } from './postfix_subject';
import type { Subject } from './subject';
import { peers, startSurroundings, type Place, type Surroundings } from './surroundings';

export const settingNames = ['loopback', 'record', 'far', 'drain', 'handshakes', 'mute'] as const;
export type SettingName = (typeof settingNames)[number];

export interface DeliveryOrder {
  readonly effort: Effort;
  /** The bundle of another state of the suite, measured beside this one. */
  readonly before: string | undefined;
  readonly settings: readonly SettingName[];
  /** How often each subject is measured, as in a full run otherwise; fewer rounds than those are held to no line. */
  readonly rounds: number | 'usual';
}

/** Of a full run. */
const usualRounds = 9;
/** Where a hundredth is asked for: it is less than two runs of one subject differ by. */
const roundsOfPairs = 15;

// --- who is measured ----------------------------------------------------------------------------------------------

interface Entry {
  readonly kind: HarakaKind | PostfixKind;
  /** Who sends: the managed domain with the level that is meant. */
  readonly sender: string;
}

type Entries = Readonly<Record<string, Entry>>;

const haraka = { software: 'haraka', nodes: 0, waits: 'forgotten' } as const;
const stock: Entry = { kind: { ...haraka, suite: 'none' }, sender: 'stock.example' };

/** The same with sessions counted for the TLS reports to their peers. */
function reporting(levels: readonly SecurityLevel[]): Entries {
  return Object.fromEntries(
    levels.map((level) => [reportingOf(reuseAt(level)), suite(level, { tlsReports: 'counted' })]),
  );
}

function reportingOf(name: string): string {
  return `${name}, counted for TLS reports`;
}

/** The same without the record of what happens, which costs what lies between the two. */
function uncounted(levels: readonly SecurityLevel[]): Entries {
  return Object.fromEntries(levels.map((level) => [uncountedAt(level), suite(level, { evidence: 'off' })]));
}

function uncountedAt(level: SecurityLevel): string {
  return uncountedOf(reuseAt(level));
}

function uncountedOf(name: string): string {
  return `${name}, without evidence`;
}

/** Stock Haraka a second time in each round: what a ratio comes to where there is no difference. */
const control = 'stock Haraka again';
const withReuse = 'Postfix, dane, with reuse';

const postfix: Entries = {
  'Postfix, dane, without reuse': { kind: { software: 'postfix', reuse: 'no' }, sender: 'stock.example' },
  [withReuse]: { kind: { software: 'postfix', reuse: 'yes' }, sender: 'stock.example' },
};

function suite(level: SecurityLevel, more: Partial<HarakaKind> = {}): Entry {
  return { kind: { ...haraka, suite: 'reuse', ...more }, sender: ownDomain(level) };
}

/** @param before a bundle, for the same once more through that one */
function reusing(levels: readonly SecurityLevel[], before: string | undefined): Entries {
  return Object.fromEntries(
    levels.flatMap((level) => [
      ...(before === undefined
        ? []
        : [[beforeOf(reuseAt(level)), suite(level, { bundle: before })] as const]),
      [reuseAt(level), suite(level)] as const,
    ]),
  );
}

function notReusing(levels: readonly SecurityLevel[]): Entries {
  return Object.fromEntries(
    levels.map((level) => [
      `with this suite, ${level}, without reuse`,
      suite(level, { suite: 'without_reuse', waits: 'kept' }),
    ]),
  );
}

function reuseAt(level: SecurityLevel): string {
  return `with this suite, ${level}`;
}

function beforeOf(name: string): string {
  return `${name}, before`;
}

// --- what is measured ---------------------------------------------------------------------------------------------

/** Deliveries at a time, of every subject. */
const usualConcurrency = 100;
const farConcurrency = 30;

/** Milliseconds for the messages of one run. */
const patience = 240_000;

/**
 * @throws Error where a message is not delivered in time
 */
export async function measureDelivery(order: DeliveryOrder): Promise<{ figures: Figure[]; notes: string[] }> {
  const surroundings = await startSurroundings();
  const bench = new Bench(surroundings, order);
  try {
    const reports: Figure[] = [];
    for (const setting of order.settings) reports.push(...(await settings[setting](bench)));
    return { figures: reports, notes: bench.notes };
  } finally {
    await bench.stop();
    await surroundings.stop();
  }
}

const settings: Readonly<Record<SettingName, (bench: Bench) => Promise<Figure[]>>> = {
  loopback: measureLoopback,
  record: measureRecord,
  far: measureFar,
  drain: measureDrain,
  handshakes: measureHandshakes,
  mute: measureMute,
};

async function measureLoopback(bench: Bench): Promise<Figure[]> {
  const { isFull, before } = bench;
  const entries: Entries = isFull
    ? {
        'stock Haraka': { ...stock, kind: { ...haraka, suite: 'none', waits: 'kept' } },
        [control]: { ...stock, kind: { ...haraka, suite: 'none', waits: 'kept' } },
        ...notReusing(['opportunistic', 'mandatory_dane', 'mta_sts']),
        ...reusing(['opportunistic', 'mandatory_dane', 'mta_sts', 'auto'], before),
        'with this suite, mandatory_dane, nodes = 2': suite('mandatory_dane', { nodes: 2 }),
        ...bench.installed(postfix),
      }
    : {
        'stock Haraka': stock,
        ...reusing(['mandatory_dane'], before),
        ...bench.installed({ [withReuse]: postfix[withReuse]! }),
      };
  const messages = isFull ? 400 : 80;
  bench.note(
    `in and out: runs of ${messages} messages of 2 KB over 8 connections to ${peers.near.length} hosts, TLS 1.3; every subject makes ${usualConcurrency} deliveries at a time`,
  );
  const runs = await bench.alternate(entries, usualConcurrency, async (subject, sender) => {
    // After the rest while the others had their turns, the first messages cost more, with the suite and without.
    if (isFull) await bench.inAndOut(subject, lettersFrom(sender, 'near', messages / 2));
    return bench.inAndOut(subject, lettersFrom(sender, 'near', messages));
  });
  return figuresOf('', runs, {
    overStock: {
      'with this suite, opportunistic, without reuse': 1,
      'with this suite, mandatory_dane, without reuse': 0.9,
      'with this suite, mta_sts, without reuse': 0.9,
      [reuseAt('opportunistic')]: 1.7,
      [reuseAt('mandatory_dane')]: 1.7,
      [reuseAt('mta_sts')]: 1.6,
      [reuseAt('auto')]: 1.6,
    },
    overPostfix: { [reuseAt('mandatory_dane')]: 0.85 },
    isHeld: bench.isHeld,
  });
}

/** What it costs to count what happens: the same with the record and without, and with sessions counted for TLS reports. */
async function measureRecord(bench: Bench): Promise<Figure[]> {
  const { isFull } = bench;
  const entries: Entries = {
    ...uncounted(['mandatory_dane', 'auto']),
    ...reusing(['mandatory_dane', 'auto'], undefined),
    ...reporting(['mandatory_dane', 'auto']),
  };
  const messages = isFull ? 1000 : 80;
  bench.note(`the record: the same, runs of ${messages} messages`);
  const runs = await bench.alternate(
    entries,
    usualConcurrency,
    async (subject, sender) => {
      if (isFull) await bench.inAndOut(subject, lettersFrom(sender, 'near', messages / 4));
      return bench.inAndOut(subject, lettersFrom(sender, 'near', messages));
    },
    bench.isHeld ? roundsOfPairs : undefined,
  );
  return figuresOf('', runs, { overStock: {}, overPostfix: {}, isHeld: bench.isHeld });
}

async function measureFar(bench: Bench): Promise<Figure[]> {
  const { isFull, before } = bench;
  const entries: Entries = isFull
    ? {
        'stock Haraka': stock,
        ...notReusing(['mandatory_dane']),
        ...reusing(['opportunistic', 'mandatory_dane'], before),
        ...bench.installed(postfix),
      }
    : { 'stock Haraka': stock, ...reusing(['mandatory_dane'], before) };
  const messages = isFull ? 300 : 40;
  bench.note(
    `30 ms away: the same, ${messages} messages, 15 ms on the way to the hosts and 15 ms back, ${farConcurrency} deliveries at a time`,
  );
  const runs = await bench.alternate(entries, farConcurrency, async (subject, sender) => {
    if (isFull) await bench.inAndOut(subject, lettersFrom(sender, 'far', farConcurrency));
    return bench.inAndOut(subject, lettersFrom(sender, 'far', messages));
  });
  return figuresOf('30 ms away: ', runs, {
    overStock: { [reuseAt('opportunistic')]: 3.5, [reuseAt('mandatory_dane')]: 3.5 },
    overPostfix: {},
    isHeld: bench.isHeld,
  });
}

async function measureDrain(bench: Bench): Promise<Figure[]> {
  const { isFull, before } = bench;
  const held: Entries = {
    ...reusing(isFull ? ['opportunistic', 'mandatory_dane'] : ['mandatory_dane'], before),
    ...bench.installed({ [withReuse]: postfix[withReuse]! }),
  };
  const beside: Entries = isFull
    ? {
        'stock Haraka': stock,
        ...notReusing(['mandatory_dane']),
        ...bench.installed(postfix),
      }
    : {};
  const messages = isFull ? 2000 : 200;
  const drain = (subject: Subject, sender: string): Promise<Run> =>
    bench.drained(subject, lettersFrom(sender, 'near', messages));
  bench.note(
    `draining: ${messages} messages wait and are told to go (Haraka: from its queue of delayed mail, Postfix: postqueue -f)`,
  );
  const runs = await bench.alternate(held, usualConcurrency, drain);
  // Three times as slow, and held to nothing.
  const slow = await bench.alternate(
    Object.fromEntries(Object.entries(beside).filter(([name]) => !(name in held))),
    usualConcurrency,
    drain,
    bench.isHeld ? 3 : 1,
  );
  return [
    ...figuresOf('draining: ', runs, {
      overStock: {},
      overPostfix: { [reuseAt('mandatory_dane')]: 1.2 },
      isHeld: bench.isHeld,
    }),
    ...figuresOf('draining: ', slow, { overStock: {}, overPostfix: {}, isHeld: false }),
  ];
}

async function measureHandshakes(bench: Bench): Promise<Figure[]> {
  const messages = bench.isFull ? 5000 : 200;
  const { sender } = suite('mandatory_dane');
  const subject = await bench.subject(reuseAt('mandatory_dane'), suite('mandatory_dane'), usualConcurrency);
  const { handshakes } = await bench.inAndOut(subject, lettersFrom(sender, 'near', messages));
  return [
    figure(
      `handshakes per message, of ${messages} to ${peers.near.length} hosts`,
      '',
      [handshakes],
      bench.isHeld ? atMost(0.05) : undefined,
    ),
  ];
}

/** One host that answers nothing, among ten that are busy. */
async function measureMute(bench: Bench): Promise<Figure[]> {
  const { isFull } = bench;
  const messages = isFull ? 400 : 80;
  const name = 'with mail that waits for a host that answers nothing';
  const runs = await bench.alternate(
    { [reuseAt('opportunistic')]: suite('opportunistic'), [name]: suite('opportunistic') },
    usualConcurrency,
    async (subject, sender, who) => {
      if (who === name) await subject.take(lettersFrom(sender, 'mute', messages / 10));
      if (isFull) await bench.inAndOut(subject, lettersFrom(sender, 'near', messages / 2));
      return bench.inAndOut(subject, lettersFrom(sender, 'near', messages));
    },
  );
  const without = perSecond(runs[reuseAt('opportunistic')] ?? []);
  const line = bench.isHeld ? atLeast(Math.min(...without)) : undefined;
  return [
    figure('a host that answers nothing: without mail for it', 'messages/s', without),
    figure('a host that answers nothing: all other mail', 'messages/s', perSecond(runs[name] ?? []), line),
  ];
}

function lettersFrom(sender: string, place: Place, count: number): Letter[] {
  const to = peers[place];
  return Array.from({ length: count }, (_, i) => ({
    from: `me@${sender}`,
    to: `you@${to[i % to.length] ?? ''}`,
  }));
}

// --- how it is measured -------------------------------------------------------------------------------------------

interface Run {
  readonly perSecond: number;
  /** Processor time of the subject per message, all of its processes. Milliseconds. */
  readonly processorMs: number;
  /** Per message. */
  readonly handshakes: number;
  /** Of one processor, of the busiest of the processes with sinks. */
  readonly sinks: number;
  /** From the queue to the first connection. Milliseconds; empty where nobody knows. */
  readonly waits: readonly number[];
}

class Bench {
  readonly notes: string[] = [];
  readonly isFull: boolean;
  /** Whether the figures are held to their lines. */
  readonly isHeld: boolean;
  readonly before: string | undefined;
  readonly #rounds: number;
  readonly #missing: string;
  /** By name and concurrency: each is started once, and is as far on its way through the compiler as the others. */
  readonly #subjects = new Map<string, Subject>();

  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings, { effort, before, rounds }: DeliveryOrder) {
    this.#surroundings = surroundings;
    this.isFull = effort === 'full';
    this.#rounds = rounds === 'usual' ? (this.isFull ? usualRounds : 1) : rounds;
    this.isHeld = this.isFull && this.#rounds >= usualRounds;
    this.before = before;
    this.#missing = postfixMissing(surroundings);
    if (this.#missing !== '') this.note(`NOT MEASURED: ${this.#missing}`);
    // Each subject ends with this process.
    process.setMaxListeners(0);
  }

  note(text: string): void {
    this.notes.push(text);
  }

  /** Nobody, where Postfix cannot be measured. */
  installed(entries: Entries): Entries {
    return this.#missing === '' ? entries : {};
  }

  async subject(name: string, { kind }: Entry, concurrency: number): Promise<Subject> {
    const key = `${concurrency} ${name}`;
    const known = this.#subjects.get(key);
    if (known !== undefined) return known;
    const directory = `subject-${this.#subjects.size}`;
    const subject = await (kind.software === 'postfix'
      ? startPostfixSubject(this.#surroundings, directory, kind, concurrency)
      : startHarakaSubject(this.#surroundings, directory, kind, concurrency));
    this.#subjects.set(key, subject);
    return subject;
  }

  /** Every subject in turn. The first rounds fill the caches, let the compiler see what is hot, and do not count. */
  async alternate(
    entries: Entries,
    concurrency: number,
    run: (subject: Subject, sender: string, name: string) => Promise<Run>,
    rounds = this.#rounds,
  ): Promise<Record<string, Run[]>> {
    const subjects: Record<string, () => Promise<Run>> = {};
    for (const [name, entry] of Object.entries(entries)) {
      const subject = await this.subject(name, entry, concurrency);
      subjects[name] = () => run(subject, entry.sender, name);
    }
    const warmUps = rounds >= usualRounds ? 2 : 1;
    await alternate(subjects, warmUps, progress('warming up', warmUps));
    return alternate(subjects, rounds, progress('round', rounds));
  }

  /** From the first message handed over to the last one taken by a sink. */
  inAndOut(subject: Subject, letters: readonly Letter[]): Promise<Run> {
    return this.#run(subject, letters.length, () => subject.take(letters));
  }

  /** From the word to go to the last message taken by a sink. */
  async drained(subject: Subject, letters: readonly Letter[]): Promise<Run> {
    await subject.hold(letters);
    return this.#run(subject, letters.length, () => subject.release());
  }

  async #run(subject: Subject, messages: number, begin: () => Promise<void>): Promise<Run> {
    const { sinks } = this.#surroundings;
    const before = sinks.tally();
    const spent = subject.processorMs();
    const begun = monotonicMs();
    await begin();
    const after = await sinks.taken(before.messages + messages, patience);
    const elapsed = after.last - begun;
    const processorMs = subject.processorMs() - spent;
    const shares = after.processorMs.map(
      (ms, process) => (ms - (before.processorMs[process] ?? 0)) / elapsed,
    );
    return {
      perSecond: (messages / elapsed) * 1000,
      processorMs: processorMs / messages,
      handshakes: (after.handshakes - before.handshakes) / messages,
      sinks: Math.max(...shares) * 100,
      waits: await subject.waits(),
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#subjects.values()].map((subject) => subject.stop()));
  }
}

/** A full run takes half an hour: one line per run, for those who wait for it. */
function progress(what: string, of: number): (name: string, round: number, run: Run) => void {
  return (name, round, run) => {
    process.stderr.write(
      `  ${what} ${round + 1} of ${of}: ${name}: ${run.perSecond.toFixed(0)} messages/s\n`,
    );
  };
}

// --- what came of it ----------------------------------------------------------------------------------------------

interface Lines {
  /** What each is held to, by name: at least so many times as fast. */
  readonly overStock: Readonly<Record<string, number>>;
  /** The same beside Postfix with reuse. */
  readonly overPostfix: Readonly<Record<string, number>>;
  /** A few short runs say nothing that could be held to a line. */
  readonly isHeld: boolean;
}

function figuresOf(
  prefix: string,
  runs: Readonly<Record<string, readonly Run[]>>,
  { overStock, overPostfix, isHeld }: Lines,
): Figure[] {
  const lineOf = (heldTo: Readonly<Record<string, number>>, name: string): Line | undefined => {
    const value = heldTo[name];
    return isHeld && value !== undefined ? atLeast(value) : undefined;
  };
  const first = perSecond(runs['stock Haraka'] ?? []);
  const second = runs[control] === undefined ? first : perSecond(runs[control]);
  const both = first.map((one, round) => (one + (second[round] ?? one)) / 2);
  return Object.entries(runs).flatMap(([name, of]): Figure[] => {
    const speed = perSecond(of);
    const waits = of.map((one) => one.waits).filter((one) => one.length > 0);
    return [
      figure(`${prefix}${name}`, 'messages/s', speed),
      ...over('  over stock Haraka', speed, name === control ? first : both, {
        isShown: first.length > 0 && name !== 'stock Haraka',
        line: lineOf(overStock, name),
      }),
      ...over('  over Postfix with reuse', speed, perSecond(runs[withReuse] ?? []), {
        isShown: withReuse in runs && name !== withReuse,
        line: lineOf(overPostfix, name),
      }),
      ...beside(name, of, runs, isHeld),
      ...over('  over the state before', speed, perSecond(runs[beforeOf(name)] ?? []), {
        isShown: beforeOf(name) in runs,
        line: undefined,
      }),
      figure(
        '  processor per message',
        'ms',
        of.map((one) => one.processorMs),
      ),
      figure(
        '  handshakes per message',
        '',
        of.map((one) => one.handshakes),
      ),
      figure(
        '  busiest sink, of one processor',
        '%',
        of.map((one) => one.sinks),
      ),
      ...(waits.length === 0
        ? []
        : [50, 99].map((percent) =>
            figure(
              `  before connect, p${percent}`,
              'ms',
              waits.map((one) => percentile(one, percent)),
            ),
          )),
    ];
  });
}

/** What the two ways to count cost, where the same was measured without. */
function beside(
  name: string,
  of: readonly Run[],
  runs: Readonly<Record<string, readonly Run[]>>,
  isHeld: boolean,
): Figure[] {
  const pairs = [
    ['over the same without evidence', of, runs[uncountedOf(name)]],
    ['counted for TLS reports, over the same', runs[reportingOf(name)], of],
  ] as const;
  return pairs.flatMap(([what, one, other]): Figure[] => {
    if (one === undefined || other === undefined) return [];
    const processors = [one, other].map((each) => each.map(({ processorMs }) => processorMs));
    return [
      figure(`  ${what}`, 'x', ratios(perSecond(one), perSecond(other)), isHeld ? atLeast(0.98) : undefined),
      figure(`  ${what}, processor`, 'x', ratios(processors[0] ?? [], processors[1] ?? [])),
    ];
  });
}

/** Held to a line and not measured, where there is nobody to compare with. */
function over(
  name: string,
  speed: readonly number[],
  baseline: readonly number[],
  { isShown, line }: { readonly isShown: boolean; readonly line: Line | undefined },
): Figure[] {
  if (isShown) return [figure(name, 'x', ratios(speed, baseline), line)];
  return line === undefined ? [] : [{ name, value: 'not_measured', unit: 'x', line }];
}

function perSecond(runs: readonly Run[]): number[] {
  return runs.map((run) => run.perSecond);
}

function atLeast(value: number): Line {
  return { is: 'at least', value };
}

function atMost(value: number): Line {
  return { is: 'at most', value };
}
