/**
 * Answers that are given again for a moment: several people look at the same view, and what it is made from is not read more
 * often anyway. Those who ask the same at once wait for one answer.
 */
import { LRUCache } from 'lru-cache';
import type { Answer } from './shared/answer';

/** Milliseconds. */
const keptMs = 5_000;

/** Octets of all that is kept. */
const mostOctets = 32 << 20;

export class KeptAnswers {
  readonly #kept = new LRUCache<string, Answer>({
    maxSize: mostOctets,
    sizeCalculation: ({ body = '' }, key) => key.length + Buffer.byteLength(body) + 200,
    ttl: keptMs,
  });
  readonly #asked = new Map<string, Promise<Answer>>();

  /** @param ask never rejects */
  get(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    const known = this.#kept.get(key);
    if (known !== undefined) return Promise.resolve(known);
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const asking = ask()
      .then((answer) => {
        if (answer.status === 200) this.#kept.set(key, answer);
        return answer;
      })
      .finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }
}
