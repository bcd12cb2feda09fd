/**
 * `npm run bench:profile [-- --level LEVEL] [-- --messages N] [-- --without-reuse] [-- --stock] [-- --keep FILE]`: where the processor time
 * of a Haraka goes that takes messages in and delivers them, in µs per message. `--keep` leaves the profile for other tools.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { parseArgs } from 'node:util';
import { securityLevels } from '../../src/peers/rule';
import { ownDomain } from '../decision/suite';
import { startHarakaSubject } from './haraka_subject';
import { peers, startSurroundings } from './surroundings';

const { values } = parseArgs({
  options: {
    level: { type: 'string', default: 'mandatory_dane' },
    messages: { type: 'string', default: '4000' },
    'without-reuse': { type: 'boolean', default: false },
    stock: { type: 'boolean', default: false },
    keep: { type: 'string' },
  },
});
const level = securityLevels.find((known) => known === values.level);
if (level === undefined) throw new Error(`no level ${values.level}`);
const messages = Number(values.messages);
const suiteName = 'suite';

const profile = await taken();
const whole = reading(profile);
print('by whom, without what they call', whole.byOwner, 20);
print('functions, without what they call', whole.bySelf, 60);
print('functions of the suite, with what they call', whole.bySuite, 60);

async function taken(): Promise<Profiler.Profile> {
  const surroundings = await startSurroundings();
  try {
    const suite = values.stock ? 'none' : values['without-reuse'] ? 'without_reuse' : 'reuse';
    const kind = { software: 'haraka', nodes: 0, waits: 'forgotten', suite } as const;
    const subject = await startHarakaSubject(surroundings, 'profiled', kind, 100);
    const deliver = async (count: number): Promise<void> => {
      const goal = surroundings.sinks.tally().messages + count;
      const letters = Array.from({ length: count }, (_, i) => ({
        from: `me@${ownDomain(level!)}`,
        to: `you@${peers.near[i % peers.near.length] ?? ''}`,
      }));
      await subject.take(letters);
      await surroundings.sinks.taken(goal, 240_000);
    };
    try {
      // Until the compiler has done its work.
      await deliver(messages / 2);
      const file = await subject.profiled(() => deliver(messages));
      if (values.keep !== undefined) copyFileSync(file, values.keep);
      return JSON.parse(readFileSync(file, 'utf8')) as Profiler.Profile;
    } finally {
      await subject.stop();
    }
  } finally {
    await surroundings.stop();
  }
}

interface Reading {
  readonly byOwner: Map<string, number>;
  readonly bySelf: Map<string, number>;
  readonly bySuite: Map<string, number>;
}

/** All in µs. */
function reading({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Reading {
  const own = new Map<number, number>();
  samples.forEach((id, index) => own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0)));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const result: Reading = { byOwner: new Map(), bySelf: new Map(), bySuite: new Map() };
  const visit = (id: number, within: ReadonlySet<string>): number => {
    const node = byId.get(id);
    if (node === undefined) return 0;
    const { functionName, url, lineNumber } = node.callFrame;
    const owner = ownerOf(functionName, url);
    const name = `${owner}: ${functionName === '' ? `line ${lineNumber + 1}` : functionName}`;
    const self = own.get(id) ?? 0;
    add(result.byOwner, owner, self);
    add(result.bySelf, name, self);
    const isOuter = owner === suiteName && !within.has(name);
    const inner = isOuter ? new Set([...within, name]) : within;
    const total = (node.children ?? []).reduce((sum, child) => sum + visit(child, inner), self);
    if (isOuter) add(result.bySuite, name, total);
    return total;
  };
  visit(nodes[0]?.id ?? 0, new Set());
  return result;
}

function ownerOf(functionName: string, url: string): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native';
  if (url.startsWith('node:')) return url;
  if (url.includes('haraka-plugin-tls-peers')) return suiteName;
  return url.replace(/^.*\/(?:node_modules|plugins)\//, '');
}

function add(to: Map<string, number>, key: string, value: number): void {
  to.set(key, (to.get(key) ?? 0) + value);
}

function print(title: string, values: Map<string, number>, rows: number): void {
  process.stdout.write(`\n${title}\n`);
  const largest = [...values].sort(([, a], [, b]) => b - a).slice(0, rows);
  for (const [name, us] of largest)
    process.stdout.write(`${(us / messages).toFixed(1).padStart(9)}  ${name}\n`);
}
