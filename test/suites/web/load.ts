/** Deliveries with and without people and scrapers at the page, in turns, in one run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { inject, tell } from '../../../bench/delivery/injector';
import { median, spreadText } from './middle';
import { startPageLab } from './page_lab';
import { writeRecord } from './record';

const messages = 1_500;
const rounds = 12;
const perMinute = 10_000;
const slowClients = 40;

/** Milliseconds for all messages of a round. */
const longestMs = 180_000;

const lines = { speed: 0.95, wait: 1.2 } as const;

interface Round {
  readonly perSecond: number;
  /** Milliseconds before the first connection, of 99 in 100 messages. */
  readonly p99: number;
  /** Of the thread that delivers, for each message. */
  readonly processorMs: number;
}

export async function measureLoad(print: (line: string) => void): Promise<boolean> {
  const domains = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`peer${at}.example`, {}]));
  const probe = readFileSync(path.resolve(import.meta.dirname, '../../../bench/delivery/probe.cjs'), 'utf8');
  const page = await startPageLab(
    { domains },
    {
      plugins: ['tls-peers', 'bench_probe'],
      ownPlugins: { bench_probe: probe },
      workers: 0,
      outcomes: 'untold',
      // As they are by default: on a busy machine a peer may take its time.
      ini: '[timeouts]\n',
      logLevel: 'notice',
      env: { BENCH_WAITS: 'kept' },
      config: {
        'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n',
        'tls-peers/large.example.ini': '',
      },
    },
  );
  const { lab, base, token } = page;
  try {
    writeRecord({
      directory: path.join(lab.haraka.directory, 'evidence'),
      managed: 'large.example',
      peers: 20_000,
      days: 5,
      now: new Date(),
    });
    await drain(lab);
    const visitors = startVisitors(base, token);
    const ratios: { readonly speed: number; readonly wait: number; readonly processor: number }[] = [];
    try {
      // Until the record is read, and the slow ones have begun.
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      for (let round = 0; round < rounds; round++) {
        // One directly after the other: whatever else this machine does, it does beside both. Each is the first in every other round.
        const withVisitors = async (signal: 'SIGSTOP' | 'SIGCONT'): Promise<Round> => {
          visitors.kill(signal);
          await new Promise((resolve) => setTimeout(resolve, 500));
          return drain(lab);
        };
        const isFirstWithout = round % 2 === 0;
        const first = await withVisitors(isFirstWithout ? 'SIGSTOP' : 'SIGCONT');
        const second = await withVisitors(isFirstWithout ? 'SIGCONT' : 'SIGSTOP');
        const [without, beside] = isFirstWithout ? [first, second] : [second, first];
        ratios.push({
          speed: beside.perSecond / without.perSecond,
          wait: beside.p99 / without.p99,
          processor: beside.processorMs / without.processorMs,
        });
        print(`  round ${round + 1}: ${text(without)} without; ${text(beside)} beside`);
      }
    } finally {
      visitors.kill('SIGCONT');
      print(`  the visitors: ${await endVisitors(visitors)}`);
    }
    const all = (name: 'speed' | 'wait' | 'processor') => ratios.map((ratio) => ratio[name]);
    print(
      `  medians of ${rounds} rounds, and their spread: messages/s ${spreadText(all('speed'))} (at least ${lines.speed}); ` +
        `before connect, p99 ${spreadText(all('wait'))} (at most ${lines.wait}); ` +
        `processor of the delivering thread per message ${spreadText(all('processor'))}; ` +
        `load average of the machine ${(loadavg()[0] ?? 0).toFixed(1)}`,
    );
    return median(all('speed')) >= lines.speed && median(all('wait')) <= lines.wait;
  } finally {
    await lab.stop();
  }
}

/** All that is held back goes at once. */
async function drain({ haraka, peers }: Awaited<ReturnType<typeof startPageLab>>['lab']): Promise<Round> {
  const letters = Array.from({ length: messages }, (_, at) => ({
    from: 'a@ours.example',
    to: `b@peer${at % 10}.example`,
  }));
  const taken = () => peers.reduce((sum, peer) => sum + peer.messages.length, 0);
  const before = taken();
  await tell(haraka.port, 'XBENCH HOLD');
  await inject(haraka.port, letters, 10);
  while (Number(await tell(haraka.port, 'XBENCH HELD')) < messages)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await tell(haraka.port, 'XBENCH WAITS');
  const processor = processorMsOf(haraka.pid);
  const begun = performance.now();
  await tell(haraka.port, 'XBENCH RELEASE');
  while (taken() - before < messages) {
    if (performance.now() - begun > longestMs)
      throw new Error(`only ${taken() - before} of ${messages} messages came in ${longestMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const seconds = (performance.now() - begun) / 1000;
  const processorMs = (processorMsOf(haraka.pid) - processor) / messages;
  const waits = (JSON.parse(await tell(haraka.port, 'XBENCH WAITS')) as number[]).sort((a, b) => a - b);
  return { perSecond: messages / seconds, p99: waits[Math.floor(waits.length * 0.99)] ?? 0, processorMs };
}

/** Of the main thread alone: its number is that of the process. Linux counts in hundredths of a second. */
function processorMsOf(pid: number): number {
  const [, rest = ''] = /\) (.*)$/.exec(readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8').trim()) ?? [];
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function startVisitors(base: string, token: string): ChildProcess {
  const script = path.resolve(import.meta.dirname, 'visitors_child.ts');
  return spawn(
    process.execPath,
    ['--import', 'tsx', script, base, token, String(perMinute), String(slowClients)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

async function endVisitors(child: ChildProcess): Promise<string> {
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => (said += piece));
  child.kill('SIGTERM');
  await once(child, 'close');
  return said.trim();
}

function text(round: Round | undefined): string {
  return round === undefined
    ? ''
    : `${round.perSecond.toFixed(0)}/s, p99 ${round.p99.toFixed(0)} ms, ${round.processorMs.toFixed(3)} ms of processor each`;
}
