/** One running Haraka of a column: takes messages, and shows its outcomes, its queue, its health. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { startHaraka, type HarakaProcess } from '../../../haraka-test-harness/haraka';
import { startReports, type Outcome } from '../../../haraka-test-harness/reports';
import type { Column } from './behaviour';
import { harakaOf } from './columns';
import { senderDomain, type Domains } from './domains';
import { submit } from './submission';

/** A message in the queue. */
export interface Queued {
  readonly id: string;
  /** Local parts. */
  readonly recipients: readonly string[];
}

export interface Station {
  readonly column: Column;
  send(message: {
    readonly id: string;
    readonly from: string;
    readonly to: readonly string[];
    readonly data: string;
  }): Promise<void>;
  outcomes(id: string): readonly Outcome[];
  queue(): Promise<readonly Queued[]>;
  readonly logLines: readonly string[];
  /** How the process ended, unasked; `running` until then. */
  end(): string;
  readonly ended: Promise<string>;
  /** Begins to look at how long the process takes to greet, and at its memory. */
  watchHealth(): () => { readonly slowestMs: number; readonly grownMb: number };
  stop(): Promise<void>;
}

export async function startStation(
  column: Column,
  domains: Domains,
  logging: 'full' | 'quiet' = 'full',
): Promise<Station> {
  const directory = await mkdtemp(path.join(tmpdir(), `tls-peers-wire-${column}-`));
  const removed = (): Promise<void> => rm(directory, { recursive: true, force: true, maxRetries: 5 });
  const reports = await startReports();
  let haraka: HarakaProcess;
  try {
    const needs = { senderDomain: senderDomain(column), routesFile: domains.routesFile };
    haraka = await startHaraka(
      { ...harakaOf(column, needs), ...(logging === 'quiet' ? { logLevel: 'error' } : {}) },
      {
        directory,
        routesFile: domains.shimRoutesFile,
        caFile: domains.caFile,
        dnsAddress: domains.dns.address,
        reports,
      },
    );
  } catch (error) {
    await reports.stop();
    await removed();
    throw error;
  }
  let end = 'running';
  void haraka.ended.then((how) => {
    end = how;
  });
  const folder = path.join(directory, 'queue');
  const queued = new Map<string, Queued | 'unreadable'>();
  const queue = async (): Promise<Queued[]> => {
    const files = (await readdir(folder)).filter((file) => /^\d/.test(file));
    await Promise.all(
      files
        .filter((file) => !queued.has(file))
        .map(async (file) => queued.set(file, await todoOf(path.join(folder, file)))),
    );
    return files.flatMap((file) => {
      const one = queued.get(file);
      return one === undefined || one === 'unreadable' ? [] : [one];
    });
  };
  return {
    column,
    send: async ({ id, from, to, data }) =>
      submit({
        port: haraka.port,
        from,
        to,
        data: `Lab-Message-Id: ${id}\r\n${data}`,
        timeoutMs: 60_000,
      }),
    outcomes: reports.outcomes,
    queue,
    logLines: haraka.logLines,
    end: () => end,
    ended: haraka.ended,
    watchHealth: () => watchHealth(haraka),
    stop: async () => {
      await haraka.stop('SIGKILL');
      await reports.stop();
      await removed();
    },
  };
}

/** A queue file begins with the length of a JSON text, which tells about the rest. */
async function todoOf(file: string): Promise<Queued | 'unreadable'> {
  try {
    const bytes = await readFile(file);
    const todo = JSON.parse(bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString('utf8')) as {
      rcpt_to: readonly { original?: string; address?: string; user?: string; host?: string }[];
      notes?: { lab_message_id?: string };
    };
    return {
      id: todo.notes?.lab_message_id ?? '',
      recipients: todo.rcpt_to.map((one) => localPart(one.original ?? one.address ?? `${one.user ?? ''}@`)),
    };
  } catch {
    // It may have left the queue meanwhile.
    return 'unreadable';
  }
}

export function localPart(address: string): string {
  const bare = address.replace(/^<|>$/g, '');
  return bare.slice(0, bare.lastIndexOf('@'));
}

/** Asks for a banner, again and again. */
function watchHealth(haraka: HarakaProcess): () => { slowestMs: number; grownMb: number } {
  let slowestMs = 0;
  let over = false;
  let grownMb = 0;
  const before = memoryOf(haraka.pid);
  const look = async (): Promise<void> => {
    const first = await before;
    while (!over) {
      const begun = Date.now();
      const timer = setInterval(() => {
        slowestMs = Math.max(slowestMs, Date.now() - begun);
      }, 100);
      await bannerOf(haraka.port);
      clearInterval(timer);
      slowestMs = Math.max(slowestMs, Date.now() - begun);
      grownMb = Math.max(grownMb, (await memoryOf(haraka.pid)) - first);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  void look();
  return () => {
    over = true;
    return { slowestMs, grownMb };
  };
}

async function bannerOf(port: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(30_000, () => socket.destroy());
    socket.once('data', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });
}

/** The most that the process ever held, in MB; 0 where there is none. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
