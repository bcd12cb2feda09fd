/** The last failures with each peer, of all processes: the page shows them in the words in which they were met. */
import { LRUCache } from 'lru-cache';
import type { FailureNews } from '../src/delivery/failure_news';
import { printable } from '../src/text';
import type { FailureShown } from '../src/web/surroundings';

/** Peers, and failures of each. */
const peers = 2_000;
const each = 10;

/** Milliseconds in which the same failure is told to the other processes once. */
const quietMs = 60_000;

/** Told in a second: where everything fails, the rest is in the log. */
const mostASecond = 10;

/** Characters. */
const longest = 500;

export class RecentFailures {
  readonly #byPeer = new LRUCache<string, readonly FailureNews[]>({ max: peers });
  readonly #told = new LRUCache<string, number>({ max: peers });
  readonly #tell: (notice: string) => void;
  #second = { at: 0, told: 0 };

  /** @param tell has the other processes told */
  constructor(tell: (notice: string) => void) {
    this.#tell = tell;
  }

  /** Of this process. */
  add(news: FailureNews): void {
    const shown = { ...news, text: printable(news.text, longest), host: printable(news.host) };
    this.#keep(shown);
    const name = [news.managed, news.peer, news.reason, news.host].join('\n');
    if ((this.#told.get(name) ?? 0) + quietMs > news.at) return;
    const at = Math.floor(news.at / 1000);
    if (this.#second.at !== at) this.#second = { at, told: 0 };
    if (++this.#second.told > mostASecond) return;
    this.#told.set(name, news.at);
    this.#tell(JSON.stringify(shown));
  }

  /** What another process said. */
  heard(notice: string): void {
    this.#keep(JSON.parse(notice) as FailureNews);
  }

  /** The last first. */
  of(managed: string, peer: string): FailureShown[] {
    return (this.#byPeer.get(keyOf({ managed, peer })) ?? []).map(({ at, outcome, host, reason, text }) => ({
      at: new Date(at).toISOString(),
      outcome,
      host,
      reason,
      text,
    }));
  }

  #keep(news: FailureNews): void {
    const known = this.#byPeer.get(keyOf(news)) ?? [];
    const all = [news, ...known].sort((a, b) => b.at - a.at).slice(0, each);
    this.#byPeer.set(keyOf(news), all);
  }
}

function keyOf({ managed, peer }: Pick<FailureNews, 'managed' | 'peer'>): string {
  return `${managed}\n${peer}`;
}
