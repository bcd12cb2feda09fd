/**
 * Checks the hosted policies at start, daily, and when they or their certificates changed, and says what would make mail fail.
 * While there is something to say, it looks more often, so that what is mended does not stand until the next day.
 */
import type { Log } from '../log';
import { messageOf } from '../text';
import type { Catalogue } from './catalogue';
import type { Finding } from './rollout';
import { checkRollout, type RolloutDependencies } from './rollout_facts';

export interface RolloutWatchOptions {
  readonly catalogue: () => Catalogue;
  readonly dependencies: () => RolloutDependencies;
  /** What is served with which certificate: another text once one is another. */
  readonly certificates?: () => string;
  /** Finds out what would make mail fail; tests put their own in its place. */
  readonly check?: typeof checkRollout;
  readonly log: Log;
  /** What others report of them, one line each; nothing where absent. */
  readonly reported?: () => Promise<readonly string[]>;
  /** Milliseconds until the first check, while the listeners come up; 5 s where absent. */
  readonly firstMs?: number;
}

const dayMs = 86_400_000;
/** How soon a changed policy is noticed; also gives DNS time to follow. */
const lookMs = 60_000;

/** With findings: the next check comes after a minute, and then each time after twice as long, up to an hour. */
const longestPauseMs = 3_600_000;

interface Checked {
  readonly at: number;
  readonly what: string;
  /** When everything was last said, news or not. */
  readonly toldAt: number;
  /** Milliseconds to the next check. */
  readonly againMs: number;
  /** Lines, and whose policy each is about. */
  readonly findings: ReadonlyMap<string, string>;
}

export class RolloutWatch {
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #checked: Checked | undefined;
  readonly #options: RolloutWatchOptions;

  constructor(options: RolloutWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#after(this.#options.firstMs ?? 5_000);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  #after(ms: number): void {
    if (this.#closing.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#look(Date.now()).finally(() => this.#after(lookMs));
    }, ms);
    this.#timer.unref();
  }

  /** Never rejects. */
  async #look(now: number): Promise<void> {
    const { log } = this.#options;
    try {
      const files = [...this.#options.catalogue().values()];
      const served = files.map(({ host, id }) => `${host} ${id}`);
      const what = [...served, this.#options.certificates?.() ?? ''].join('\n');
      const before = this.#checked;
      const isSame = before?.what === what;
      const isTold = isSame && now - before.toldAt < dayMs;
      if (files.length === 0 || (isTold && now - before.at < before.againMs)) return;
      // Also where the check itself breaks, it is not tried every minute.
      this.#checked = { at: now, what, toldAt: now, againMs: dayMs, findings: before?.findings ?? new Map() };
      const { check = checkRollout, dependencies } = this.#options;
      const found = await check(dependencies(), files, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      const findings = new Map(found.map((one) => [lineOf(one), one.domain]));
      this.#checked = {
        at: now,
        what,
        toldAt: isTold ? before.toldAt : now,
        againMs: pauseAfter(findings, isSame ? before : undefined),
        findings,
      };
      const known = before?.findings ?? new Map<string, string>();
      for (const finding of found) {
        const line = lineOf(finding);
        if (isTold && known.has(line)) continue;
        if (finding.severity === 'error') log.error(line);
        else log.warn(line);
      }
      const had = new Set(known.values());
      const faulty = new Set(findings.values());
      const mended = new Set(
        files.map(({ domain }) => domain).filter((domain) => had.has(domain) && !faulty.has(domain)),
      );
      for (const domain of mended)
        log.notice(`MTA-STS policy of ${domain}: nothing stands in the way of mail any more`);
      for (const line of isTold ? [] : ((await this.#options.reported?.()) ?? [])) log.notice(line);
      if (!isTold)
        log.notice(
          `checked ${count(files.length, 'MTA-STS policy', 'MTA-STS policies')}: ${summary(findings.size)}`,
        );
    } catch (error) {
      log.error(`the MTA-STS policies could not be checked: ${messageOf(error)}`);
    }
  }
}

function lineOf({ domain, text }: Finding): string {
  return `MTA-STS policy of ${domain}: ${text}`;
}

function pauseAfter(findings: ReadonlyMap<string, string>, before: Checked | undefined): number {
  if (findings.size === 0) return dayMs;
  const isKnown = before !== undefined && before.findings.size > 0;
  return isKnown ? Math.min(longestPauseMs, 2 * before.againMs) : lookMs;
}

function summary(findings: number): string {
  return findings === 0
    ? 'nothing stands in the way of mail'
    : `${count(findings, 'finding', 'findings')}, see above`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
