/** The hostile hosts, in a process of their own. Ordered by IPC: which attack, at which points of the conversation. */
import { setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Socket } from 'node:net';
import { attacks, type Attack } from './attacks';
import { inChild } from './child';
import { startHost, type Certificate, type Point } from './smtp_host';

export interface HostileOrder {
  readonly attack: string;
  readonly hosts: readonly {
    readonly name: string;
    readonly address: string;
    readonly certificate: Certificate;
  }[];
}

/** What they did so far. */
export interface HostileDeeds {
  /** Points reached at which octets of the attack were sent. */
  readonly begun: number;
  /** Points at which all of them were sent, without the other side hanging up. */
  readonly completed: number;
  readonly octets: number;
}

// Elsewhere they would have a processor of their own.
setPriority(10);

const deeds = { begun: 0, completed: 0, octets: 0 };

inChild<HostileOrder, readonly number[], HostileDeeds>({
  start: async ({ attack: name, hosts }) => {
    const attack = attacks.find((one) => one.name === name);
    if (attack === undefined) throw new Error(`no attack is called ${name}`);
    return Promise.all(
      hosts.map((host, index) =>
        startHost({ ...host, say: hostile(attack, attack.points[index] ?? 'rcpt') }),
      ),
    );
  },
  answer: () => ({ ...deeds }),
});

/** Replies leave in order, however many commands came at once. */
function hostile(attack: Attack, at: Point): (point: Point, usual: string, stream: Socket) => void {
  const queues = new WeakMap<Socket, Promise<void>>();
  return (point, usual, stream) => {
    const before = queues.get(stream) ?? Promise.resolve();
    const own = before.then(async () => {
      if (point === at) await attackOn(stream, attack);
      else if (stream.writable) stream.write(usual);
    });
    queues.set(stream, own);
  };
}

async function attackOn(stream: Socket, { octets, pauseMs }: Attack): Promise<void> {
  if (!stream.writable) return;
  deeds.begun++;
  for (const piece of octets()) {
    // Not while it waited.
    if (stream.destroyed || stream.writableEnded) return;
    deeds.octets += piece.length;
    if (!stream.write(piece)) await drained(stream);
    if (pauseMs > 0) await wait(pauseMs, undefined, { ref: false });
  }
  deeds.completed++;
}

function drained(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stream.removeListener('drain', go);
      stream.removeListener('close', go);
      resolve();
    };
    stream.on('drain', go);
    stream.on('close', go);
  });
}
