/**
 * The connection of this process to the Redis of its fleet. Redis can only add: nothing waits for it longer than it says, nothing
 * is queued for it, and while it is away each host goes on as if it were alone. It is said once when that begins, and once when
 * it is over.
 */
import { DeadlinePassed } from '../deadline';
import type { Log } from '../log';
import { redisPlace, type RedisServer } from '../settings/haraka/redis_ini';
import { messageOf, printable } from '../text';
import { inTime, Link } from './link';
import type { RedisClient } from './redis_client';
import { Standing } from './standing';

export type { RedisClient } from './redis_client';

/** A connection to Redis that can only add: nothing waits for it longer than it says. */
export interface FleetRedis {
  /** Whether commands may be tried now. */
  readonly isUp: boolean;
  /**
   * Runs one or several commands. Rejects at once where Redis is away, and after `deadline` ms. Never queues. What was sent may
   * still be carried out after it has rejected.
   */
  run<T>(deadline: number, commands: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Messages of the channel, also after reconnects; those sent meanwhile are lost. */
  subscribe(channel: string, listener: (message: string) => void): void;
  /** Called each time the connection is (again) there. */
  onUp(listener: () => void): void;
  /** `parts` behind the prefix of [fleet]. */
  key(...parts: string[]): string;
  /** Whether the connection is there within `ms`: for a command, which has nothing else to do. */
  ready(ms: number): Promise<boolean>;
  /** Ends what is under way, each at its deadline. */
  close(): Promise<void>;
}

/** Why a command was not even tried. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';
}

export interface FleetRedisOptions {
  readonly server: RedisServer;
  readonly prefix: string;
  readonly log: Log;
  /** How long it may leave a question unanswered before it is connected to anew. Milliseconds, 5,000 where absent. */
  readonly silence?: number;
  /** How often a server that took no writes is tried again. Milliseconds, 10,000 where absent. */
  readonly writeInterval?: number;
}

/** Calls of `run` under way, at most: where so many wait, it is too slow to be of use. */
const mostRunning = 1_000;
/** How often the server of the subscriptions, which may say nothing for days, is asked whether it is there. Milliseconds. */
const heartbeat = 10_000;
const writeIntervalByDefault = 10_000;
const writePatience = 1_000;

/** Connects in the background, and for as long as it is not closed. */
export function connectFleet(options: FleetRedisOptions): FleetRedis {
  return new Connection(options);
}

class Connection implements FleetRedis {
  readonly #options: FleetRedisOptions;
  readonly #commands: Link;
  readonly #standing: Standing;
  readonly #upListeners = new Set<() => void>();
  readonly #channels = new Map<string, Set<(message: string) => void>>();
  readonly #running = new Set<Promise<unknown>>();
  /** The channels that were asked for on each connection. */
  readonly #subscribed = new WeakMap<RedisClient, Set<string>>();
  #subscriptions: Link | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #writeTrial: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: FleetRedisOptions) {
    this.#options = options;
    this.#standing = new Standing(redisPlace(options.server), options.log);
    const listener = { up: () => this.#isThere(), away: (why: string) => this.#standing.away(why) };
    this.#commands = new Link(options.server, listener, options.silence);
  }

  get isUp(): boolean {
    return !this.#isClosed && this.#commands.state.kind === 'up';
  }

  run<T>(deadline: number, commands: (client: RedisClient) => Promise<T>): Promise<T> {
    const { state } = this.#commands;
    if (this.#isClosed || state.kind !== 'up') return Promise.reject(new RedisAway('Redis is away'));
    if (this.#running.size >= mostRunning) return Promise.reject(new RedisAway('Redis is too slow'));
    const running = this.#run(state.client, deadline, commands);
    this.#running.add(running);
    const done = (): void => void this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  async #run<T>(
    client: RedisClient,
    deadline: number,
    commands: (client: RedisClient) => Promise<T>,
  ): Promise<T> {
    try {
      return await inTime(deadline, commands(client));
    } catch (error) {
      if (error instanceof DeadlinePassed) this.#commands.doubt();
      else this.#noteRefusal(messageOf(error));
      throw error;
    }
  }

  subscribe(channel: string, listener: (message: string) => void): void {
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners.add(listener));
    this.#subscriptions ??= this.#openSubscriptions();
    const { state } = this.#subscriptions;
    if (listeners.size === 1 && state.kind !== 'away') this.#subscribeAt(state.client, channel);
  }

  onUp(listener: () => void): void {
    this.#upListeners.add(listener);
    if (this.isUp) listener();
  }

  key(...parts: string[]): string {
    return [this.#options.prefix, ...parts].join(':');
  }

  ready(ms: number): Promise<boolean> {
    if (this.isUp) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#upListeners.delete(settle);
        resolve(this.isUp);
      };
      const timer = setTimeout(settle, ms);
      this.#upListeners.add(settle);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#writeTrial);
    this.#standing.close();
    this.#subscriptions?.close();
    await Promise.allSettled(this.#running);
    this.#commands.close();
  }

  #isThere(): void {
    this.#standing.there();
    for (const listener of this.#upListeners) listener();
    if (this.#standing.isWithoutWrites) void this.#tryWrite();
  }

  #openSubscriptions(): Link {
    const listener = {
      up: (client: RedisClient) => {
        for (const channel of this.#channels.keys()) this.#subscribeAt(client, channel);
      },
      // Said of the other connection, to the same server.
      away: () => undefined,
    };
    const link = new Link(this.#options.server, listener, this.#options.silence);
    this.#heartbeat = setInterval(() => link.doubt(), heartbeat).unref();
    return link;
  }

  #subscribeAt(client: RedisClient, channel: string): void {
    const known = this.#subscribed.get(client) ?? new Set();
    if (known.has(channel)) return;
    this.#subscribed.set(client, known.add(channel));
    const hear = (message: string): void => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    };
    client.subscribe(channel, hear).catch((error: unknown) => {
      this.#options.log.debug(`fleet: ${channel} is not heard: ${printable(messageOf(error))}`);
    });
  }

  /** Refused by a server that is there: a replica, one that is full, or one that has no disk left. */
  #noteRefusal(why: string): void {
    if (!/^(?:READONLY|OOM|MISCONF|NOREPLICAS|NOPERM|NOAUTH|CLUSTERDOWN|MASTERDOWN)\b/.test(why)) return;
    this.#standing.refusesWrites(why);
    this.#tryWriteLater(why);
  }

  #tryWriteLater(why: string): void {
    if (this.#writeTrial !== undefined || this.#isClosed) return;
    this.#writeTrial = setTimeout(() => {
      this.#writeTrial = undefined;
      // After a failover the former primary keeps its connections, and the name leads elsewhere.
      if (why.startsWith('READONLY')) this.#commands.renew();
      else void this.#tryWrite();
    }, this.#options.writeInterval ?? writeIntervalByDefault).unref();
  }

  async #tryWrite(): Promise<void> {
    const trial = this.key('trial');
    await this.run(writePatience, (client) =>
      client.set(trial, '1', { expiration: { type: 'PX', value: 1000 } }),
    ).then(
      () => this.#standing.takesWrites(),
      (error: unknown) => this.#tryWriteLater(messageOf(error)),
    );
  }
}
