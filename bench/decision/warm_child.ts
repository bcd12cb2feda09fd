/** The process in which warm decisions are measured. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { MTASTSPolicy } from 'mailauth';
import { inChild } from '../child';
import { alternate, figure, percentile, processorMs, ratios } from '../measure';
import type { Figure } from '../report';
import { cases, peers } from './levels';
import { mailauthDecides, mxConnectDecides, tlsaOverDns, type Answers, type Scope } from './others';
import { openSuite } from './suite';

export interface WarmOrder {
  readonly dns: string;
  readonly echoPort: number;
  /** By the kind of its cache. */
  readonly postfixPorts: Readonly<Record<'sqlite' | 'internal', number | undefined>>;
  readonly rounds: number;
  /** Per round and level; the others, which are slower, make fewer. */
  readonly decisions: number;
}

export interface WarmResult {
  readonly figures: Figure[];
}

/** One run of one subject. */
interface Run {
  /** Decisions per second of the clock. */
  readonly rate: number;
  /** Decisions per second of processor time of this process. */
  readonly rateOfProcessor: number;
  /** Milliseconds. */
  readonly p99: number;
}

async function run(decisions: number, decide: () => Promise<unknown>): Promise<Run> {
  const latencies = new Float64Array(decisions);
  const processor = processorMs();
  const begun = performance.now();
  let before = begun;
  for (let done = 0; done < decisions; done++) {
    await decide();
    const now = performance.now();
    latencies[done] = now - before;
    before = now;
  }
  const elapsed = before - begun;
  const spent = processorMs() - processor;
  return {
    rate: (decisions / elapsed) * 1000,
    rateOfProcessor: (decisions / spent) * 1000,
    p99: percentile(Array.from(latencies), 99),
  };
}

const tlsa = [{ usage: 3, selector: 1, mtype: 1, cert: Buffer.alloc(32) }];

/** The answers of the lab for these peers, in the forms of `node:dns`. */
const inMemory: Answers = (name, type) => {
  if (type === 'MX') return [{ exchange: `mx.${name}`, priority: 10 }];
  if (type === 'TXT') return name === `_mta-sts.${peers.sts}` ? [['v=STSv1; id=1;']] : [];
  return type === 'A' ? ['127.20.0.1'] : [];
};

/** Without `expires`, with which mailauth fetches the policy each time. */
const knownPolicy: MTASTSPolicy = { id: '1', mode: 'enforce', mx: [`mx.${peers.sts}`], maxAge: 86_400 };

const scopes: readonly { readonly scope: Scope; readonly peer: string }[] = [
  { scope: 'plain', peer: peers.plain },
  { scope: 'dane', peer: peers.dane },
  { scope: 'mta-sts', peer: peers.sts },
];

inChild(async ({ dns, echoPort, postfixPorts, rounds, decisions }: WarmOrder): Promise<WarmResult> => {
  const suite = openSuite(dns);
  const resolveTlsa = tlsaOverDns(dns);
  const closers: (() => void)[] = [() => suite.close(), () => resolveTlsa.close()];
  try {
    await suite.ready();
    const subjects: Record<string, () => Promise<Run>> = {};
    for (const { name, level, peer } of cases) {
      const hosts = await suite.offer(level, peer);
      if (hosts.length === 0) throw new Error(`no host for ${peer} at ${level}`);
      subjects[name] = () => run(decisions, () => suite.decide(level, peer));
    }
    subjects[guarded] = () => run(decisions, () => suite.offer('auto', peers.dane));
    for (const { scope, peer } of scopes) {
      const memory = { scope, answers: inMemory, knownPolicy, resolveTlsa: () => Promise.resolve(tlsa) };
      const overDns = { scope, knownPolicy, resolveTlsa };
      subjects[`mx-connect, ${scope}, from memory`] = () =>
        run(Math.ceil(decisions / 5), () => mxConnectDecides(peer, memory));
      subjects[`mx-connect, ${scope}, as it is`] = () =>
        run(Math.ceil(decisions / 100), () => mxConnectDecides(peer, overDns));
    }
    subjects['mailauth, mta-sts only, from memory'] = () =>
      run(Math.ceil(decisions / 5), () => mailauthDecides(peers.sts, knownPolicy, inMemory));
    subjects['mailauth, mta-sts only, as it is'] = () =>
      run(Math.ceil(decisions / 100), () => mailauthDecides(peers.sts, knownPolicy, undefined));
    const bare = await openSocketmap(echoPort);
    closers.push(() => bare.close());
    subjects['a bare socket round trip'] = () => run(Math.ceil(decisions / 10), () => bare.ask(peers.sts));
    for (const [cache, port] of Object.entries(postfixPorts)) {
      if (port === undefined) continue;
      const socketmap = await openSocketmap(port);
      closers.push(() => socketmap.close());
      const answer = await socketmap.ask(peers.sts);
      if (!answer.includes('OK secure')) throw new Error(`postfix-mta-sts-resolver answers ${answer}`);
      const name = cache === 'sqlite' ? postfixName : `${postfixName}, cache in memory`;
      subjects[name] = () => run(Math.ceil(decisions / 10), () => socketmap.ask(peers.sts));
    }
    // Warm means compiled as well.
    await alternate(subjects, 2);
    return { figures: figuresOf(await alternate(subjects, rounds)) };
  } finally {
    for (const close of closers) close();
  }
});

const postfixName = 'postfix-mta-sts-resolver, mta-sts only';
const guarded = 'this suite, auto, peer with DANE, guard and list for Haraka included';
const overPostfix = { is: 'at least', value: 20 } as const;
const atLeast100k = { is: 'at least', value: 100_000 } as const;

function figuresOf(runs: Readonly<Record<string, readonly Run[]>>): Figure[] {
  const ours = new Set(cases.map(({ name }) => name));
  const figures = Object.entries(runs).flatMap(([name, of]): Figure[] =>
    ours.has(name)
      ? [
          figure(`this suite, ${name}`, '/s', of.map(rateOfProcessor), atLeast100k),
          figure(`this suite, ${name}, p99`, 'ms', of.map(p99), { is: 'at most', value: 0.1 }),
        ]
      : [
          // Where another process does the work, only the clock knows.
          figure(name, '/s', of.map(/socket|postfix/.test(name) ? rate : rateOfProcessor)),
          figure(`  p99`, 'ms', of.map(p99)),
        ],
  );
  const compared = Object.keys(runs).filter((name) => !ours.has(name) && name !== guarded);
  for (const other of compared) {
    const same = /dane/.test(other) ? 'mandatory_dane' : /mta-sts/.test(other) ? 'mta_sts' : 'opportunistic';
    if (/socket round trip/.test(other)) continue;
    const [mine = [], theirs = []] = [runs[same], runs[other]];
    const name = `${same} over ${other}, by the clock`;
    const line = other === postfixName ? overPostfix : undefined;
    figures.push(figure(name, 'x', ratios(mine.map(rate), theirs.map(rate)), line));
  }
  if (runs[postfixName] === undefined) {
    const name = `mta_sts over ${postfixName}, by the clock`;
    figures.push({ name, unit: 'x', value: 'not_measured', line: overPostfix });
  }
  return figures;
}

const rate = (run: Run): number => run.rate;
const rateOfProcessor = (run: Run): number => run.rateOfProcessor;
const p99 = (run: Run): number => run.p99;

/** A client of Postfix's socketmap protocol (socketmap_table(5)): one question at a time. */
async function openSocketmap(port: number): Promise<{ ask(domain: string): Promise<string>; close(): void }> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  let answered: (text: string) => void = () => undefined;
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (!text.endsWith(',')) return;
    const whole = text;
    text = '';
    answered(whole);
  });
  return {
    ask: (domain) => {
      const question = `postfix ${domain}`;
      return new Promise((resolve) => {
        answered = resolve;
        socket.write(`${question.length}:${question},`);
      });
    },
    close: () => socket.destroy(),
  };
}
