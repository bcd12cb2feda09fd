/** Checks the hosted policies at start, daily, and when they changed, and says what would make mail fail. */
import type { Log } from '../log';
import { messageOf } from '../text';
import type { Catalogue } from './catalogue';
import { checkRollout, type RolloutDependencies } from './rollout_facts';

export interface RolloutWatchOptions {
  readonly catalogue: () => Catalogue;
  readonly dependencies: () => RolloutDependencies;
  readonly log: Log;
  /** What others report of them, one line each; nothing where absent. */
  readonly reported?: () => Promise<readonly string[]>;
  /** Milliseconds until the first check, while the listeners come up; 5 s where absent. */
  readonly firstMs?: number;
}

const dayMs = 86_400_000;
/** How soon a changed policy is noticed; also gives DNS time to follow. */
const lookMs = 60_000;

export class RolloutWatch {
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #checked: { readonly at: number; readonly what: string } | undefined;
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
      const what = files.map(({ host, id }) => `${host} ${id}`).join('\n');
      if (files.length === 0 || (this.#checked?.what === what && now - this.#checked.at < dayMs)) return;
      this.#checked = { at: now, what };
      const findings = await checkRollout(this.#options.dependencies(), files, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      for (const { severity, domain, text } of findings) {
        const line = `MTA-STS policy of ${domain}: ${text}`;
        if (severity === 'error') log.error(line);
        else log.warn(line);
      }
      for (const line of (await this.#options.reported?.()) ?? []) log.notice(line);
      log.notice(
        `checked ${count(files.length, 'MTA-STS policy', 'MTA-STS policies')}: ${summary(findings.length)}`,
      );
    } catch (error) {
      log.error(`the MTA-STS policies could not be checked: ${messageOf(error)}`);
    }
  }
}

function summary(findings: number): string {
  return findings === 0
    ? 'nothing stands in the way of mail'
    : `${count(findings, 'finding', 'findings')}, see above`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
