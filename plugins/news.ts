/**
 * What each process of a cluster finds out for itself, said once: workers tell the master, and the master writes it to the log.
 * One that is first to know is enough; the same news from the others is no news. What cannot be handed over is said by the
 * process itself.
 */
import cluster from 'node:cluster';
import { LRUCache } from 'lru-cache';
import type { Log } from '../src/log';
import { logOf, type HarakaPlugin } from './haraka_plugin';
import { isCluster } from './workers';

const event = 'tls-peers.news';

type Severity = 'notice' | 'warn' | 'error';

interface News {
  readonly event: typeof event;
  readonly severity: Severity;
  readonly line: string;
}

/** As long as processes may be apart in finding out the same: the settings are looked at every second, resolvers every hour. */
const sameForMs = 600_000;
const mostLines = 1_000;

/** How often each line came from each process. Pure but for the clock of its cache. */
export class Told {
  readonly #lines = new LRUCache<string, { said: number; readonly by: Map<number, number> }>({
    max: mostLines,
    ttl: sameForMs,
    updateAgeOnGet: true,
  });

  /** Whether `line` is news: a process says it more often than it was told. */
  isNews(line: string, from: number): boolean {
    const known = this.#lines.get(line) ?? { said: 0, by: new Map<number, number>() };
    this.#lines.set(line, known);
    const times = (known.by.get(from) ?? 0) + 1;
    known.by.set(from, times);
    if (times <= known.said) return false;
    known.said = times;
    return true;
  }
}

let log: Log | undefined;

/** The log for what concerns all processes alike; one for all plugin lines of this process. */
export function newsLogOf(plugin: HarakaPlugin): Log {
  log ??= openLog(plugin);
  return log;
}

function openLog(plugin: HarakaPlugin): Log {
  const own = logOf(plugin);
  if (!isCluster(plugin)) return own;
  const tell = cluster.isPrimary ? inMaster(own) : inWorker(own);
  return {
    ...own,
    notice: (line) => tell('notice', line),
    warn: (line) => tell('warn', line),
    error: (line) => tell('error', line),
  };
}

function inMaster(own: Log): (severity: Severity, line: string) => void {
  const told = new Told();
  const say = (severity: Severity, line: string, from: number): void => {
    if (told.isNews(`${severity} ${line}`, from)) own[severity](line);
  };
  cluster.on('message', (worker, message) => {
    if (isNews(message)) say(message.severity, message.line, worker.id);
  });
  const master = 0;
  return (severity, line) => say(severity, line, master);
}

function inWorker(own: Log): (severity: Severity, line: string) => void {
  return (severity, line) => {
    const alone = (): void => own[severity](`${line} (process ${process.pid})`);
    if (!process.connected || process.send === undefined) {
      alone();
      return;
    }
    const news: News = { event, severity, line };
    process.send(news, undefined, undefined, (error) => {
      if (error !== null) alone();
    });
  };
}

function isNews(message: unknown): message is News {
  if (typeof message !== 'object' || message === null) return false;
  const { event: of, severity, line } = message as Partial<Record<keyof News, unknown>>;
  return (
    of === event &&
    typeof line === 'string' &&
    (severity === 'notice' || severity === 'warn' || severity === 'error')
  );
}
