/** What the log is told of Redis: once when it is away, once when it is back, and the same of its writes. */
import type { Log } from '../log';
import { printable } from '../text';

/** A server that comes and goes is back when it has stayed for so long. Milliseconds. */
const settled = 10_000;

export class Standing {
  readonly #place: string;
  readonly #log: Log;
  #saidAway = false;
  #saidRefusal = false;
  #wasThere = false;
  #settling: NodeJS.Timeout | undefined;

  /** @param place the server, for people */
  constructor(place: string, log: Log) {
    this.#place = place;
    this.#log = log;
  }

  get isWithoutWrites(): boolean {
    return this.#saidRefusal;
  }

  away(why: string): void {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    if (this.#saidAway) return;
    this.#saidAway = true;
    const text = `fleet: Redis at ${this.#place} is away: ${printable(why)}; this host goes on by itself`;
    this.#log.warn(text);
  }

  there(): void {
    if (!this.#wasThere && !this.#saidAway) this.#log.info(`fleet: connected to Redis at ${this.#place}`);
    this.#wasThere = true;
    if (!this.#saidAway || this.#settling !== undefined) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#saidAway = false;
      this.#log.notice(`fleet: Redis at ${this.#place} is back`);
    }, settled).unref();
  }

  refusesWrites(why: string): void {
    if (this.#saidRefusal) return;
    this.#saidRefusal = true;
    this.#log.warn(
      `fleet: Redis at ${this.#place} takes no writes: ${printable(why)}; nothing is shared until it does`,
    );
  }

  takesWrites(): void {
    if (!this.#saidRefusal) return;
    this.#saidRefusal = false;
    this.#log.notice(`fleet: Redis at ${this.#place} takes writes again`);
  }

  close(): void {
    clearTimeout(this.#settling);
  }
}
