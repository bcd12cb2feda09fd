/**
 * Bounds on the connections of one listener. A policy is fetched in moments, so slow clients give way to new
 * ones: a flood of idle connections costs a bounded number of descriptors, and does not lock others out.
 */
import type { Socket } from 'node:net';
import { subscriberOf } from '../peers/network';

export interface ConnectionLimits {
  /** At the same time, over all clients. */
  readonly most: number;
  /** From one IPv4 address or IPv6 /64. */
  readonly mostPerClient: number;
  /** Milliseconds, from the connection to its end, whatever happens on it. */
  readonly lifetimeMs: number;
}

interface Entry {
  readonly client: string;
  readonly since: number;
}

export class Connections {
  /** In the order in which they came. */
  readonly #open = new Map<Socket, Entry>();
  readonly #byClient = new Map<string, Set<Socket>>();
  readonly #limits: ConnectionLimits;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a new connection in; where that is one too many, the oldest goes. `now` in milliseconds. */
  admit(socket: Socket, now: number): void {
    const client = subscriberOf(socket.remoteAddress ?? '');
    const siblings = this.#byClient.get(client) ?? new Set<Socket>();
    this.#byClient.set(client, siblings.add(socket));
    this.#open.set(socket, { client, since: now });
    socket.once('close', () => this.#forget(socket));
    if (siblings.size > this.#limits.mostPerClient) this.#drop(siblings.values().next().value);
    if (this.#open.size > this.#limits.most) this.#drop(this.#open.keys().next().value);
  }

  /** Ends those whose time is up. To be called now and then; `now` as for `admit`. */
  sweep(now: number): void {
    for (const [socket, { since }] of this.#open) {
      if (now - since < this.#limits.lifetimeMs) return;
      this.#drop(socket);
    }
  }

  closeAll(): void {
    for (const socket of this.#open.keys()) this.#drop(socket);
  }

  #drop(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: Socket): void {
    const entry = this.#open.get(socket);
    if (entry === undefined) return;
    this.#open.delete(socket);
    const siblings = this.#byClient.get(entry.client);
    siblings?.delete(socket);
    if (siblings?.size === 0) this.#byClient.delete(entry.client);
  }
}
