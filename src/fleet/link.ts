/**
 * One connection to Redis, made anew in the background for as long as it is wanted. A server that hangs keeps its connections
 * open: what it does not answer in time counts, and nothing else.
 */
import { DeadlinePassed } from '../deadline';
import type { RedisServer } from '../settings/haraka/redis_ini';
import { messageOf } from '../text';
import { destroy, newClient, type RedisClient } from './redis_client';

/** Between two attempts; half of it at least, by chance: a fleet must not come back all at once. Milliseconds. */
const retryDelay = { first: 200, longest: 5_000 } as const;
/** A server that answers within this is there. Milliseconds. */
export const promptly = 50;
/** Between two questions to one that did not. Milliseconds. */
const doubtInterval = 1_000;
/** One that leaves a question unanswered for so long, or does not let in, is connected to anew. Milliseconds. */
export const longestSilence = 5_000;

export type LinkState =
  | { readonly kind: 'up'; readonly client: RedisClient }
  /** Connected, and does not answer promptly: it is asked until it does. */
  | { readonly kind: 'doubtful'; readonly client: RedisClient }
  | { readonly kind: 'away' };

const away = { kind: 'away' } as const;

export interface LinkListener {
  /** Each time it is there, or again: commands may be given. */
  up(client: RedisClient): void;
  /** It is not, and an attempt to change that has failed. */
  away(why: string): void;
}

export class Link {
  readonly #server: RedisServer;
  readonly #listener: LinkListener;
  readonly #silence: number;
  #state: LinkState = away;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #opening: RedisClient | undefined;
  #isClosed = false;

  /** @param silence how long it may leave a question unanswered; milliseconds */
  constructor(server: RedisServer, listener: LinkListener, silence = longestSilence) {
    this.#server = server;
    this.#listener = listener;
    this.#silence = silence;
    void this.#connect();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** It did not answer in time: no command is given until it answers again. */
  doubt(): void {
    if (this.#state.kind !== 'up') return;
    this.#state = { kind: 'doubtful', client: this.#state.client };
    void this.#ask(this.#state.client, performance.now());
  }

  /** Connects anew: behind the same name there may be another server by now. */
  renew(): void {
    if (this.#state.kind !== 'away') this.#lose(this.#state.client);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#opening !== undefined) destroy(this.#opening);
    if (this.#state.kind !== 'away') destroy(this.#state.client);
    this.#state = away;
  }

  async #connect(): Promise<void> {
    try {
      const client = newClient(this.#server);
      this.#opening = client;
      client.on('error', () => this.#lose(client));
      await inTime(
        this.#silence,
        client.connect().then(() => client.ping()),
      );
      this.#opening = undefined;
      if (this.#isClosed || !client.isReady) throw new Error('the connection was closed');
      this.#failures = 0;
      this.#state = { kind: 'up', client };
      this.#listener.up(client);
    } catch (error) {
      if (this.#opening !== undefined) destroy(this.#opening);
      this.#opening = undefined;
      if (this.#isClosed) return;
      this.#retryLater();
      this.#listener.away(reasonOf(error));
    }
  }

  #lose(client: RedisClient): void {
    if (this.#state.kind === 'away' || this.#state.client !== client) return;
    this.#state = away;
    destroy(client);
    if (!this.#isClosed) this.#retryLater();
  }

  #retryLater(): void {
    const delay = Math.min(retryDelay.first * 2 ** Math.min(this.#failures, 10), retryDelay.longest);
    this.#failures++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), delay * (0.5 + Math.random() / 2)).unref();
  }

  /** Asks until it answers promptly, which also means that what it was asked before is answered. */
  async #ask(client: RedisClient, since: number): Promise<void> {
    const askedAt = performance.now();
    try {
      await inTime(this.#silence, client.ping());
    } catch {
      this.#lose(client);
      return;
    }
    if (this.#state.kind !== 'doubtful' || this.#state.client !== client) return;
    if (performance.now() - askedAt <= promptly) {
      this.#state = { kind: 'up', client };
      this.#listener.up(client);
      return;
    }
    if (performance.now() - since > doubtInterval) this.#listener.away(late);
    setTimeout(() => {
      if (this.#state.kind === 'doubtful' && this.#state.client === client) void this.#ask(client, since);
    }, doubtInterval).unref();
  }
}

/** The same however it is met: several processes find it out in their own ways, and it is said once. */
const late = 'it does not answer in time';

function reasonOf(error: unknown): string {
  return error instanceof DeadlinePassed ? late : messageOf(error);
}

/**
 * The outcome of `promise` within `ms`. Where this process itself was late, what has arrived meanwhile still counts.
 *
 * @throws DeadlinePassed; the promise itself goes on, and may reject unheard
 */
export function inTime<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new DeadlinePassed(`no answer within ${ms} ms`));
    // Timers come before sockets in each turn of the event loop, and immediates after them.
    const timer = setTimeout(() => void setImmediate(late), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
