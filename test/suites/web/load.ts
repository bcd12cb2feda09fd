/** Deliveries with and without people and scrapers at the page, in turns, in one run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inject, tell } from '../../../bench/delivery/injector';
import { startPageLab } from './page_lab';
import { writeRecord } from './record';

const messages = 1_500;
const rounds = 5;
const perMinute = 10_000;
const slowClients = 40;

const lines = { speed: 0.95, wait: 1.2 } as const;

interface Round {
  readonly perSecond: number;
  /** Milliseconds before the first connection, of 99 in 100 messages. */
  readonly p99: number;
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
    const without: Round[] = [];
    const beside: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      without.push(await drain(lab));
      const visitors = startVisitors(base, token);
      // Until the record is read, and the slow ones have begun.
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      beside.push(await drain(lab));
      print(
        `  round ${round + 1}: ${text(without.at(-1))} without; ${text(beside.at(-1))} beside ${await endVisitors(visitors)}`,
      );
    }
    const speed =
      median(beside.map(({ perSecond }) => perSecond)) / median(without.map(({ perSecond }) => perSecond));
    const wait = median(beside.map(({ p99 }) => p99)) / median(without.map(({ p99 }) => p99));
    print(
      `  messages/s: ${speed.toFixed(3)} x (at least ${lines.speed}); before connect, p99: ${wait.toFixed(3)} x (at most ${lines.wait})`,
    );
    return speed >= lines.speed && wait <= lines.wait;
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
  const begun = performance.now();
  await tell(haraka.port, 'XBENCH RELEASE');
  while (taken() - before < messages) await new Promise((resolve) => setTimeout(resolve, 5));
  const seconds = (performance.now() - begun) / 1000;
  const waits = (JSON.parse(await tell(haraka.port, 'XBENCH WAITS')) as number[]).sort((a, b) => a - b);
  return { perSecond: messages / seconds, p99: waits[Math.floor(waits.length * 0.99)] ?? 0 };
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

function median(of: readonly number[]): number {
  return [...of].sort((a, b) => a - b)[of.length >> 1] ?? 0;
}

function text(round: Round | undefined): string {
  return round === undefined ? '' : `${round.perSecond.toFixed(0)}/s, p99 ${round.p99.toFixed(0)} ms`;
}
