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
  /** Messages that may wait for a connection to one host, and to all of them, also where their turn will not come soon. */
  readonly waiting: { readonly perHost: number; readonly inAll: number };
  /** Milliseconds for which a message waits while no connection to its host becomes free, and for which it waits at all. */
  readonly patience: { readonly idleHost: number; readonly inAll: number };
}

/** A session that waits, and what its owner knows of it. Whoever opened it releases the lease when its connection closes. */
export interface Kept<T> {
  readonly session: Pick<Session, 'isIdle' | 'dismiss' | 'next'>;
  readonly lease: Lease;
  readonly about: T;
}

/** The right to one connection to a host, until it is released: by whoever holds it, once the connection is closed or not made. */
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
  /** When a connection last became free for somebody else. */
  freed: number;
  /** When somebody last got one, or one became free. */
  moved: number;
  /** Milliseconds from one turn to the next while somebody waits, lately; infinite where that is not known. */
  pace: number;
  /** Whether a message has waited in vain, and no connection has become free since. */
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
    const since = this.#clock();
    try {
      // Nobody overtakes those who wait already.
      let woken: Woken = this.#mustQueue(host) ? await this.#wait(host, 'last', since) : 'look_again';
      while (woken === 'look_again') {
        const acquired = this.#acquireNow(host, suits);
        if (acquired !== 'none') return acquired;
        woken = await this.#wait(host, 'first', since);
      }
      return { kind: 'busy' };
    } finally {
      this.#wakeNext(host);
    }
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
    for (const host of [...this.#hosts.values()]) for (const { kept } of [...host.idle]) this.#end(kept);
  }

  /** `endIdle`; and messages that wait were decided under other settings: for them it is `busy`, so that they come by again. */
  settingsChanged(): void {
    this.endIdle();
    for (const host of [...this.#hosts.values()]) for (const leave of [...host.waiting]) leave('give_up');
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
        host.moved = this.#clock();
        return { kind: 'session', kept };
      }
    }
    if (host.leases.size >= this.#limits().perHost) {
      // One that waits for mail of another kind gives way; there is room once its connection is closed.
      const oldest = host.idle[0];
      if (oldest !== undefined) this.#end(oldest.kept);
      if (host.leases.size >= this.#limits().perHost) return 'none';
    }
    const lease: Lease = { host: name, since: this.#clock(), generation: this.#generation, messages: 0 };
    // To end the last session of a host makes it forgotten.
    const current = this.#hostOf(name);
    current.leases.add(lease);
    current.moved = this.#clock();
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

  /** @param since when this message began to wait */
  #wait(name: string, place: 'first' | 'last', since: number): Promise<Woken> {
    const host = this.#hostOf(name);
    if (host.stuck || !this.#mayWait(host)) return Promise.resolve('give_up');
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = (woken: Woken): void => {
        clearTimeout(timer);
        const index = host.waiting.indexOf(leave);
        if (index < 0) return;
        host.waiting.splice(index, 1);
        this.#waiting -= 1;
        resolve(woken);
      };
      /** A host that works through its mail is waited for longer than one that stands still. */
      const watch = (begun: number): void => {
        const { patience } = this.#limits();
        const until = Math.min(Math.max(begun, host.freed) + patience.idleHost, since + patience.inAll);
        timer = setTimeout(
          () => {
            if (this.#clock() < since + patience.inAll && host.freed > begun) {
              watch(host.freed);
              return;
            }
            host.stuck ||= host.freed <= begun;
            leave('give_up');
          },
          Math.max(0, until - this.#clock()),
        );
        timer.unref();
      };
      this.#waiting += 1;
      if (place === 'first') host.waiting.unshift(leave);
      else host.waiting.push(leave);
      watch(this.#clock());
    });
  }

  /** Whoever waits holds up mail to others that wants its place: a few may, and as many as will have their turn soon. */
  #mayWait(host: Host<T>): boolean {
    const { waiting, patience } = this.#limits();
    if (host.waiting.length < waiting.perHost && this.#waiting < waiting.inAll) return true;
    const pace = Math.max(host.pace, this.#clock() - host.moved);
    return (host.waiting.length + 1) * pace < patience.idleHost;
  }

  #freed(name: string, host: Host<T>): void {
    const [first] = host.waiting;
    const now = this.#clock();
    if (first !== undefined) {
      const gap = now - host.freed;
      host.pace = Number.isFinite(host.pace) ? 0.8 * host.pace + 0.2 * gap : gap;
    }
    host.stuck = false;
    host.freed = now;
    host.moved = now;
    if (first !== undefined) first('look_again');
    else if (host.leases.size === 0) this.#hosts.delete(name);
  }

  /** Whoever was woken may have found more than it took, or did not take what it was woken for. */
  #wakeNext(name: string): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    const [first] = host.waiting;
    const isRoom = host.leases.size < this.#limits().perHost || host.idle.length > 0;
    if (first !== undefined && isRoom) first('look_again');
    else if (first === undefined && host.leases.size === 0) this.#hosts.delete(name);
  }

  /** Takes leave of a session; its lease stands until the connection is closed. */
  #end(kept: Kept<T>): void {
    const host = this.#hosts.get(kept.lease.host);
    const idle = host?.idle.find((one) => one.kept === kept);
    if (host !== undefined && idle !== undefined) this.#takeOut(host, idle);
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
    const host: Host<T> = {
      leases: new Set(),
      idle: [],
      waiting: [],
      freed: Number.NEGATIVE_INFINITY,
      moved: Number.NEGATIVE_INFINITY,
      pace: Number.POSITIVE_INFINITY,
      stuck: false,
    };
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
