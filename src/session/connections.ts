/**
 * Connections to hosts: how many there may be to each, which of them wait for another message, and who waits for one.
 *
 * A host is an address and a port. What a session must share with a message beyond that (its terms, what its handshake is worth)
 * is for whoever asks to say; here it is a function. Nothing in here keeps a process alive.
 */
import type { Session } from './session';

export interface ConnectionLimits {
  /** Whether a session may wait for another message at all. */
  readonly reuse: boolean;
  /** Messages in one session. */
  readonly messages: number;
  /** Milliseconds for which a session may wait. */
  readonly idle: number;
  /** Milliseconds from the connection on, after which a session carries no further message. */
  readonly age: number;
  /** Sessions that wait, of all hosts. */
  readonly idleSessions: number;
  /** Connections to one host, whether they wait or not. */
  readonly perHost: number;
  /** Messages that may wait for a connection to one host, and to all of them. */
  readonly waiting: { readonly perHost: number; readonly inAll: number };
  /** Milliseconds for which a message may wait for a connection. */
  readonly patience: number;
}

/** A session that waits, and what its owner knows of it. */
export interface Kept<T> {
  readonly session: Pick<Session, 'isIdle' | 'dismiss' | 'next'>;
  readonly lease: Lease;
  readonly about: T;
}

/** The right to one connection to a host, until it is released. */
export interface Lease {
  readonly host: string;
  /** When it was given, by the clock of the connections. */
  readonly since: number;
  /** Which settings it was given under. */
  readonly generation: number;
  /** Messages that were carried so far. */
  messages: number;
}

export type Acquired<T> =
  | { readonly kind: 'session'; readonly kept: Kept<T> }
  /** A new connection may be made. */
  | { readonly kind: 'connect'; readonly lease: Lease }
  /** The host has all the connections that it may have, and none becomes free soon. */
  | { readonly kind: 'busy' };

type Woken = 'look_again' | 'give_up';

interface Idle<T> {
  readonly kept: Kept<T>;
  readonly timer: NodeJS.Timeout;
}

interface Host<T> {
  readonly leases: Set<Lease>;
  /** The one that waits longest first. */
  readonly idle: Idle<T>[];
  readonly waiting: ((woken: Woken) => void)[];
  /** Whether the last message that waited did so in vain, and no connection has become free since. */
  stuck: boolean;
}

/** Hosts whose mail is remembered for a moment, to know whether a session is worth keeping. */
const rememberedHosts = 4096;

export class Connections<T> {
  readonly #hosts = new Map<string, Host<T>>();
  /** When mail for a host last came, and the mail before it; the host with the newest mail is the last one. */
  readonly #arrivals = new Map<string, { readonly last: number; readonly before: number }>();
  #idle = 0;
  #waiting = 0;
  #generation = 0;

  readonly #limits: () => ConnectionLimits;
  readonly #clock: () => number;

  /**
   * @param limits those in force now
   * @param clock milliseconds, never going back
   */
  constructor(limits: () => ConnectionLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * A session that waits and suits, or leave to connect.
   *
   * @param suits asked of sessions that wait, the one that waits least first; `undefined` where only a new connection will do
   */
  async acquire(host: string, suits: ((kept: Kept<T>) => boolean) | undefined): Promise<Acquired<T>> {
    this.#noteArrival(host);
    // Nobody overtakes those who wait already.
    let woken: Woken = 'look_again';
    if (this.#mustQueue(host)) woken = await this.#wait(host, 'last');
    while (woken === 'look_again') {
      const acquired = this.#acquireNow(host, suits);
      if (acquired !== 'none') return acquired;
      woken = await this.#wait(host, 'first');
    }
    return { kind: 'busy' };
  }

  /** The connection is gone, or was never made. Any number of times. */
  release(lease: Lease): void {
    const host = this.#hosts.get(lease.host);
    if (host === undefined || !host.leases.delete(lease)) return;
    const idle = host.idle.find(({ kept }) => kept.lease === lease);
    if (idle !== undefined) this.#takeOut(host, idle);
    this.#freed(lease.host, host);
  }

  /** Whether a session that has just carried a message should wait for another one. */
  isWanted(lease: Lease): boolean {
    if (!this.#mayCarryMore(lease)) return false;
    if ((this.#hosts.get(lease.host)?.waiting.length ?? 0) > 0) return true;
    const before = this.#arrivals.get(lease.host)?.before ?? Number.NEGATIVE_INFINITY;
    return this.#clock() - before <= this.#limits().idle;
  }

  /** Lets an idle session wait for another message. */
  keep(kept: Kept<T>): void {
    const { lease, session } = kept;
    const host = this.#hosts.get(lease.host);
    if (host === undefined || !host.leases.has(lease) || !session.isIdle() || !this.#mayCarryMore(lease)) {
      session.dismiss();
      this.release(lease);
      return;
    }
    const timer = setTimeout(() => this.#end(kept), this.#limits().idle);
    timer.unref();
    host.idle.push({ kept, timer });
    this.#idle += 1;
    if (this.#idle > this.#limits().idleSessions) this.#endOldest();
    this.#freed(lease.host, host);
  }

  /** Ends every session that waits; those that are busy end when they are done with their message. */
  endIdle(): void {
    this.#generation += 1;
    for (const kept of [...this.#hosts.values()].flatMap(({ idle }) => idle.map((one) => one.kept)))
      this.#end(kept);
  }

  /** `open`: connections in all, those that wait included. */
  counts(): {
    readonly open: number;
    readonly idle: number;
    readonly waiting: number;
    readonly hosts: number;
  } {
    const open = [...this.#hosts.values()].reduce((sum, { leases }) => sum + leases.size, 0);
    return { open, idle: this.#idle, waiting: this.#waiting, hosts: this.#hosts.size };
  }

  #acquireNow(name: string, suits: ((kept: Kept<T>) => boolean) | undefined): Acquired<T> | 'none' {
    const host = this.#hostOf(name);
    for (const idle of [...host.idle].reverse()) {
      const { kept } = idle;
      if (!kept.session.isIdle() || !this.#mayCarryMore(kept.lease)) this.#end(kept);
      else if (suits?.(kept) === true) {
        this.#takeOut(host, idle);
        return { kind: 'session', kept };
      }
    }
    if (host.leases.size >= this.#limits().perHost) {
      // One that waits for mail of another kind gives way.
      const oldest = host.idle[0];
      if (oldest === undefined) return 'none';
      this.#end(oldest.kept);
    }
    const lease: Lease = { host: name, since: this.#clock(), generation: this.#generation, messages: 0 };
    // To end the last session of a host makes it forgotten.
    this.#hostOf(name).leases.add(lease);
    return { kind: 'connect', lease };
  }

  #mayCarryMore({ since, generation, messages }: Lease): boolean {
    const limits = this.#limits();
    return (
      limits.reuse &&
      generation === this.#generation &&
      messages < limits.messages &&
      this.#clock() - since < limits.age
    );
  }

  #mustQueue(name: string): boolean {
    const host = this.#hosts.get(name);
    return host !== undefined && host.waiting.length > 0;
  }

  #wait(name: string, place: 'first' | 'last'): Promise<Woken> {
    const host = this.#hostOf(name);
    const { waiting, patience } = this.#limits();
    const isFull = host.waiting.length >= waiting.perHost || this.#waiting >= waiting.inAll;
    if (host.stuck || isFull) return Promise.resolve('give_up');
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        host.stuck = true;
        leave('give_up');
      }, patience);
      const leave = (woken: Woken): void => {
        clearTimeout(timer);
        const index = host.waiting.indexOf(leave);
        if (index >= 0) host.waiting.splice(index, 1);
        this.#waiting -= 1;
        resolve(woken);
      };
      this.#waiting += 1;
      if (place === 'first') host.waiting.unshift(leave);
      else host.waiting.push(leave);
    });
  }

  #freed(name: string, host: Host<T>): void {
    host.stuck = false;
    const [first] = host.waiting;
    if (first !== undefined) first('look_again');
    else if (host.leases.size === 0) this.#hosts.delete(name);
  }

  #end(kept: Kept<T>): void {
    this.release(kept.lease);
    kept.session.dismiss();
  }

  #endOldest(): void {
    let oldest: Kept<T> | undefined;
    for (const { idle } of this.#hosts.values()) {
      const kept = idle[0]?.kept;
      if (kept !== undefined && (oldest === undefined || kept.lease.since < oldest.lease.since))
        oldest = kept;
    }
    if (oldest !== undefined) this.#end(oldest);
  }

  #takeOut(host: Host<T>, idle: Idle<T>): void {
    clearTimeout(idle.timer);
    host.idle.splice(host.idle.indexOf(idle), 1);
    this.#idle -= 1;
  }

  #hostOf(name: string): Host<T> {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host: Host<T> = { leases: new Set(), idle: [], waiting: [], stuck: false };
    this.#hosts.set(name, host);
    return host;
  }

  #noteArrival(name: string): void {
    const known = this.#arrivals.get(name);
    this.#arrivals.delete(name);
    this.#arrivals.set(name, { last: this.#clock(), before: known?.last ?? Number.NEGATIVE_INFINITY });
    const [oldest] = this.#arrivals.keys();
    if (this.#arrivals.size > rememberedHosts && oldest !== undefined) this.#arrivals.delete(oldest);
  }
}
