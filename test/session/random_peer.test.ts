/** Many messages through sessions that are kept, with a host that breaks off wherever it likes: none is lost, none arrives twice. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Connections, type ConnectionLimits } from '../../src/session/connections';
import type { Outcome, Terms } from '../../src/smtp/session';
import {
  messageOf,
  nothingLeft,
  open,
  required,
  resources,
  sessionOn,
  type Behaviours,
  type Peer,
} from './stage';

const limits: ConnectionLimits = {
  reuse: true,
  messages: 4,
  idle: 60_000,
  age: 60_000,
  idleSessions: 2,
  perHost: 2,
  waiting: { perHost: 50, inAll: 50 },
  patience: { idleHost: 5000, inAll: 5000 },
};

/** What a host may do in place of an answer; silence is left to tests that wait for it. */
const deeds = {
  close: (peer: Peer) => peer.socket.end(),
  reset: (peer: Peer) => peer.raw.resetAndDestroy(),
  '421': (peer: Peer) => peer.say('421 4.7.0 enough\r\n'),
  '451': (peer: Peer) => peer.say('451 4.3.0 later\r\n'),
  '550': (peer: Peer) => peer.say('550 5.7.1 no\r\n'),
  garbage: (peer: Peer) => peer.say('hm\r\n'),
} as const;
type Deed = keyof typeof deeds;

/** In cleartext: what is looked at is the same, and a handshake for each connection would take the time. */
const terms: Terms = { ...required, tls: { kind: 'unwanted' } };

interface Fault {
  readonly at: 'MAIL' | 'RCPT' | 'DATA' | 'message' | 'RSET' | 'idle';
  /** At which of these it happens, counted over all connections. */
  readonly nth: number;
  readonly deed: Deed;
}

const fault = fc.record<Fault>({
  at: fc.constantFrom('MAIL', 'RCPT', 'DATA', 'message', 'RSET', 'idle'),
  nth: fc.integer({ min: 1, max: 8 }),
  deed: fc.constantFrom(...(Object.keys(deeds) as Deed[])),
});

/** A host over all its connections: which messages it took, and said so. */
class Host {
  readonly taken: string[] = [];
  /** Those that came as far as the final dot. */
  readonly arrived: string[] = [];
  readonly #counts = new Map<string, number>();

  readonly #faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    this.#faults = faults;
  }

  get behaviours(): Behaviours {
    return {
      MAIL: this.#answer('MAIL', (peer) => peer.say('250 ok\r\n')),
      RCPT: this.#answer('RCPT', (peer) => peer.say('250 ok\r\n')),
      RSET: this.#answer('RSET', (peer) => peer.say('250 ok\r\n')),
      DATA: this.#answer('DATA', (peer) => peer.expectMessage()),
      message: (peer) => {
        const number = /^Subject: (\d+)/.exec(peer.message)?.[1] ?? '';
        this.arrived.push(number);
        const due = this.#due('message');
        if (due !== undefined) {
          deeds[due](peer);
          return;
        }
        this.taken.push(number);
        peer.say('250 queued\r\n');
        const unasked = this.#due('idle');
        if (unasked !== undefined) setImmediate(() => deeds[unasked](peer));
      },
    };
  }

  #answer(at: Fault['at'], usual: (peer: Peer) => void): (peer: Peer) => void {
    return (peer) => {
      const due = this.#due(at);
      (due === undefined ? usual : deeds[due])(peer);
    };
  }

  #due(at: Fault['at']): Deed | undefined {
    const nth = (this.#counts.get(at) ?? 0) + 1;
    this.#counts.set(at, nth);
    return this.#faults.find((one) => one.at === at && one.nth === nth)?.deed;
  }
}

type Stage = Awaited<ReturnType<typeof open>>;

/** As the delivery does it, in short: over a session that waits, or a new one; again where it was over. */
async function deliver(
  connections: Connections<string>,
  stages: Stage[],
  host: Host,
  number: number,
): Promise<Outcome> {
  const message = messageOf({
    terms,
    content: () => Readable.from([Buffer.from(`Subject: ${number}\r\n\r\n`)]),
  });
  let suits: ((kept: unknown) => boolean) | undefined = () => true;
  for (;;) {
    const way = await connections.acquire('host', suits);
    if (way.kind === 'busy') throw new Error('it waited in vain');
    if (way.kind === 'session') {
      const { session, lease } = way.kept;
      lease.messages += 1;
      const outcome = await session.next(message);
      if (session.isIdle()) connections.keep(way.kept);
      else session.dismiss();
      if (outcome.kind !== 'stale') return outcome;
      suits = undefined;
      continue;
    }
    const { lease } = way;
    const stage = await open(host.behaviours);
    stages.push(stage);
    const session = sessionOn(stage, {
      ...message,
      tls: 'none',
      afterwards: () => (connections.isWanted(lease) ? 'keep' : 'quit'),
    });
    lease.messages = 1;
    const running = session.run();
    void session.closed().then(() => connections.release(lease));
    const outcome = await running;
    if (session.isIdle()) connections.keep({ session, lease, about: '' });
    else session.dismiss();
    return outcome;
  }
}

it('loses and doubles nothing, whatever the host does, and leaves nothing behind', async () => {
  const before = resources();
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 5 }), async (faults) => {
      const host = new Host(faults);
      const connections = new Connections<string>(
        () => limits,
        () => performance.now(),
      );
      const stages: Stage[] = [];
      const numbers = Array.from({ length: 12 }, (_, index) => index);
      const outcomes = await Promise.all(numbers.map((number) => deliver(connections, stages, host, number)));
      connections.endIdle();
      for (const number of numbers) {
        const outcome = outcomes[number];
        const delivered = outcome?.kind === 'settled' && outcome.recipients[0]?.kind === 'delivered';
        // Each message has one outcome, and the host has those that it said yes to, once.
        expect(host.taken.filter((one) => one === String(number))).toHaveLength(delivered ? 1 : 0);
        expect(host.arrived.filter((one) => one === String(number)).length).toBeLessThanOrEqual(1);
        expect(['settled', 'next_host']).toContain(outcome?.kind);
      }
      // A fault costs the message that it hits. What nobody asked for may be taken for the answer to what was just asked, and then
      // the next message finds the host out of step.
      const failed = outcomes.filter(
        (one) => one.kind !== 'settled' || one.recipients[0]?.kind !== 'delivered',
      );
      expect(failed.length).toBeLessThanOrEqual(2 * faults.length);
      while (connections.counts().open > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(connections.counts()).toEqual({ open: 0, idle: 0, waiting: 0, hosts: 0 });
      await Promise.all(stages.map((stage) => stage.close()));
    }),
    { numRuns: 25 },
  );
  await nothingLeft(before);
}, 60_000);
