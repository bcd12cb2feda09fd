/** Who gets a connection, who waits for one, and which sessions are kept. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Connections,
  type Acquired,
  type ConnectionLimits,
  type Kept,
  type Lease,
} from '../../src/session/connections';

const usual: ConnectionLimits = {
  reuse: true,
  messages: 100,
  idle: 5000,
  age: 300_000,
  idleSessions: 100,
  perHost: 20,
  waiting: { perHost: 50, inAll: 100 },
  patience: { idleHost: 2000, inAll: 10_000 },
};

/** A session that waits until it is dismissed; its connection closes at once, or when `closed` is called. */
class Waiting {
  dismissed = false;

  readonly #closed: (() => void) | 'late';

  constructor(closed: (() => void) | 'late') {
    this.#closed = closed;
  }

  isIdle(): boolean {
    return !this.dismissed;
  }
  dismiss(): void {
    this.dismissed = true;
    if (this.#closed !== 'late') this.#closed();
  }
  next(): Promise<never> {
    throw new Error('nothing is sent here');
  }
}

const anyone = (): boolean => true;

function connections(limits: Partial<ConnectionLimits> = {}): Connections<string> {
  return new Connections(
    () => ({ ...usual, ...limits }),
    () => Date.now(),
  );
}

/** @param of undefined where the peer takes its time to close the connection */
function kept(
  lease: Lease,
  about = '',
  of?: Connections<string>,
): Kept<string> & { readonly session: Waiting } {
  lease.messages += 1;
  return { session: new Waiting(of === undefined ? 'late' : () => of.release(lease)), lease, about };
}

async function connect(of: Connections<string>, host = 'mx 25'): Promise<Lease> {
  const acquired = await of.acquire(host, undefined);
  if (acquired.kind !== 'connect') throw new Error(`there was no leave to connect: ${acquired.kind}`);
  return acquired.lease;
}

/** What has come of it by now. */
async function now(promise: Promise<Acquired<string>>): Promise<Acquired<string> | 'waits'> {
  await vi.advanceTimersByTimeAsync(0);
  return Promise.race([promise, Promise.resolve('waits' as const)]);
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a session is worth keeping', () => {
  it('where mail for the same host came just before', async () => {
    const of = connections();
    const first = await connect(of);
    expect(of.isWanted(first)).toBe(false);
    await vi.advanceTimersByTimeAsync(4000);
    expect(of.isWanted(await connect(of))).toBe(true);
    expect(of.isWanted(first)).toBe(true);
  });

  it('not where the mail before came long ago, or to another host', async () => {
    const of = connections();
    await connect(of);
    await connect(of, 'other 25');
    await vi.advanceTimersByTimeAsync(6000);
    expect(of.isWanted(await connect(of))).toBe(false);
  });

  it('where somebody waits for the host', async () => {
    const of = connections({ perHost: 1, idle: 10 });
    const lease = await connect(of);
    const waits = of.acquire('mx 25', anyone);
    await vi.advanceTimersByTimeAsync(100);
    expect(of.isWanted(lease)).toBe(true);
    of.release(lease);
    expect(await waits).toMatchObject({ kind: 'connect' });
  });

  it.each([
    ['it has carried all the messages that it may', { messages: 1 }, 0],
    ['it is too old', { age: 1000 }, 1000],
    ['sessions are not to be kept', { reuse: false }, 0],
  ] as const)('not where %s', async (_why, limits, later) => {
    const of = connections(limits);
    await connect(of);
    const lease = await connect(of);
    lease.messages = 1;
    await vi.advanceTimersByTimeAsync(later);
    expect(of.isWanted(lease)).toBe(false);
  });

  it('not once the settings are others', async () => {
    const of = connections();
    await connect(of);
    const lease = await connect(of);
    of.endIdle();
    expect(of.isWanted(lease)).toBe(false);
  });
});

describe('a session that waits', () => {
  it('is taken by the next message that it suits, the newest first', async () => {
    const of = connections();
    const [one, two] = [kept(await connect(of), 'a'), kept(await connect(of), 'a')];
    const other = kept(await connect(of), 'b');
    for (const session of [one, two, other]) of.keep(session);
    const suits = ({ about }: Kept<string>): boolean => about === 'a';
    expect(await of.acquire('mx 25', suits)).toEqual({ kind: 'session', kept: two });
    expect(await of.acquire('mx 25', suits)).toEqual({ kind: 'session', kept: one });
    expect((await of.acquire('mx 25', suits)).kind).toBe('connect');
  });

  it('is for its own host alone, and for nobody who wants a new connection', async () => {
    const of = connections();
    of.keep(kept(await connect(of), '', of));
    expect((await of.acquire('mx 26', anyone)).kind).toBe('connect');
    expect((await of.acquire('mx 25', undefined)).kind).toBe('connect');
  });

  it('ends when nothing comes', async () => {
    const of = connections();
    const session = kept(await connect(of), '', of);
    of.keep(session);
    await vi.advanceTimersByTimeAsync(5000);
    expect(session.session.dismissed).toBe(true);
    expect(of.counts()).toEqual({ open: 0, idle: 0, waiting: 0, hosts: 0 });
  });

  it('ends with the settings', async () => {
    const of = connections();
    const session = kept(await connect(of), '', of);
    of.keep(session);
    of.endIdle();
    expect(session.session.dismissed).toBe(true);
    expect(of.counts().open).toBe(0);
  });

  it('is not kept where it is over already, or its connection is', async () => {
    const of = connections();
    const over = kept(await connect(of), '', of);
    over.session.dismiss();
    of.keep(over);
    const gone = kept(await connect(of), '', of);
    of.release(gone.lease);
    of.keep(gone);
    expect(gone.session.dismissed).toBe(true);
    expect(of.counts()).toEqual({ open: 0, idle: 0, waiting: 0, hosts: 0 });
  });

  it('is forgotten when the peer ends it', async () => {
    const of = connections();
    const session = kept(await connect(of), '', of);
    of.keep(session);
    session.session.dismissed = true;
    of.release(session.lease);
    expect((await of.acquire('mx 25', anyone)).kind).toBe('connect');
    expect(of.counts()).toMatchObject({ open: 1, idle: 0 });
  });

  it('ends for one of another host where there are too many, the oldest first', async () => {
    const of = connections({ idleSessions: 2 });
    const sessions = [];
    for (const host of ['a 25', 'b 25', 'c 25']) {
      sessions.push(kept(await connect(of, host), '', of));
      await vi.advanceTimersByTimeAsync(1);
    }
    for (const session of sessions) of.keep(session);
    expect(sessions.map(({ session }) => session.dismissed)).toEqual([true, false, false]);
  });
});

describe('a host with all its connections', () => {
  it('makes mail wait for the next one, in the order in which it came', async () => {
    const of = connections({ perHost: 1 });
    const lease = await connect(of);
    const first = of.acquire('mx 25', anyone);
    const second = of.acquire('mx 25', anyone);
    expect(await now(first)).toBe('waits');
    const session = kept(lease);
    of.keep(session);
    expect(await now(first)).toEqual({ kind: 'session', kept: session });
    expect(await now(second)).toBe('waits');
    of.release(lease);
    expect(await now(second)).toMatchObject({ kind: 'connect' });
  });

  it('gives up a session of another kind for mail that it does not suit', async () => {
    const of = connections({ perHost: 1 });
    const session = kept(await connect(of), '', of);
    of.keep(session);
    expect((await of.acquire('mx 25', () => false)).kind).toBe('connect');
    expect(session.session.dismissed).toBe(true);
  });

  it('has room again only when the connection that gave way is closed', async () => {
    const of = connections({ perHost: 1 });
    const session = kept(await connect(of));
    of.keep(session);
    const waits = of.acquire('mx 25', () => false);
    expect(await now(waits)).toBe('waits');
    expect(session.session.dismissed).toBe(true);
    of.release(session.lease);
    expect(await now(waits)).toMatchObject({ kind: 'connect' });
  });

  it('holds up nobody whom another of its sessions suits, while one gives way', async () => {
    const of = connections({ perHost: 2 });
    const [oldest, newest] = [kept(await connect(of), 'a'), kept(await connect(of), 'b')];
    for (const session of [oldest, newest]) of.keep(session);
    const other = of.acquire('mx 25', () => false);
    const suited = of.acquire('mx 25', ({ about }) => about === 'b');
    expect(await now(suited)).toBe('waits');
    of.release(oldest.lease);
    expect(await now(other)).toMatchObject({ kind: 'connect' });
    expect(await now(suited)).toMatchObject({ kind: 'session' });
  });

  it('is waited for as long as it works through its mail, up to a limit', async () => {
    const of = connections({ perHost: 1 });
    let lease = await connect(of);
    const waits = Array.from({ length: 8 }, () => of.acquire('mx 25', anyone));
    const kinds: string[] = [];
    for (const [index, one] of waits.entries()) {
      await vi.advanceTimersByTimeAsync(1500);
      of.release(lease);
      const acquired = await now(one);
      kinds.push(acquired === 'waits' ? `${index} waits` : acquired.kind);
      if (acquired !== 'waits' && acquired.kind === 'connect') lease = acquired.lease;
    }
    expect(kinds).toEqual([...Array.from({ length: 6 }, () => 'connect'), 'busy', 'busy']);
  });

  it('makes as much mail wait as will have its turn soon', async () => {
    const of = connections({ perHost: 1, waiting: { perHost: 2, inAll: 100 } });
    let lease = await connect(of);
    /** Each turn takes so long. */
    const turns = async (ms: number): Promise<void> => {
      for (let turn = 0; turn < 30; turn++) {
        const next = of.acquire('mx 25', anyone);
        await vi.advanceTimersByTimeAsync(ms);
        of.release(lease);
        const acquired = await next;
        if (acquired.kind === 'connect') lease = acquired.lease;
      }
    };
    const howManyWait = async (): Promise<number> => {
      const waits = Array.from({ length: 100 }, () => of.acquire('mx 25', anyone));
      await now(Promise.race(waits));
      const { waiting } = of.counts();
      of.settingsChanged();
      await Promise.all(waits);
      return waiting;
    };
    expect(await howManyWait()).toBe(2);
    await turns(100);
    expect(await howManyWait()).toBe(19);
    await turns(1900);
    expect(await howManyWait()).toBe(2);
  });

  it('gives mail back that was decided under other settings', async () => {
    const of = connections({ perHost: 1 });
    const lease = await connect(of);
    const waits = of.acquire('mx 25', anyone);
    of.settingsChanged();
    expect(await waits).toEqual({ kind: 'busy' });
    const next = of.acquire('mx 25', anyone);
    expect(await now(next)).toBe('waits');
    of.release(lease);
    expect(await next).toMatchObject({ kind: 'connect' });
  });

  it('makes the next one wait no longer where somebody breaks over it', async () => {
    const of = connections({ perHost: 1 });
    const session = kept(await connect(of));
    const broken = of.acquire('mx 25', () => {
      throw new Error('not this one');
    });
    const caught = broken.catch((error: unknown) => String(error));
    const next = of.acquire('mx 25', anyone);
    of.keep(session);
    expect(await caught).toContain('not this one');
    expect(await now(next)).toMatchObject({ kind: 'session' });
  });

  it('gives mail back that has waited long enough, and after that at once', async () => {
    const of = connections({ perHost: 1 });
    const lease = await connect(of);
    const waits = of.acquire('mx 25', anyone);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await waits).toEqual({ kind: 'busy' });
    expect(await of.acquire('mx 25', anyone)).toEqual({ kind: 'busy' });
    of.keep(kept(lease));
    expect((await of.acquire('mx 25', anyone)).kind).toBe('session');
  });

  it('holds no more messages than it may', async () => {
    const of = connections({ perHost: 1, waiting: { perHost: 1, inAll: 2 } });
    const leases = [await connect(of, 'a 25'), await connect(of, 'b 25'), await connect(of, 'c 25')];
    const waits = [of.acquire('a 25', anyone), of.acquire('b 25', anyone)];
    expect(await of.acquire('a 25', anyone)).toEqual({ kind: 'busy' });
    expect(await of.acquire('c 25', anyone)).toEqual({ kind: 'busy' });
    for (const lease of leases) of.release(lease);
    expect((await Promise.all(waits)).map(({ kind }) => kind)).toEqual(['connect', 'connect']);
  });

  it('holds up nobody else', async () => {
    const of = connections({ perHost: 1 });
    await connect(of);
    void of.acquire('mx 25', anyone);
    expect((await of.acquire('other 25', anyone)).kind).toBe('connect');
  });
});

it('lets nobody wait for what there is, whatever happens in which order', async () => {
  const step = fc.record({
    what: fc.constantFrom('acquire', 'acquire', 'acquire', 'keep', 'keep', 'release', 'close', 'close'),
    about: fc.constantFrom('x', 'y', 'z'),
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const perHost = 3;
      const of = connections({ perHost });
      const held: (Kept<string> & { readonly session: Waiting })[] = [];
      const closing = new Set<Kept<string> & { readonly session: Waiting }>();
      for (const { what, about, pick } of steps) {
        const one = held[pick % Math.max(1, held.length)];
        if (what === 'acquire') {
          void of
            .acquire('mx 25', (candidate) => candidate.about === about)
            .then((got) => {
              if (got.kind === 'connect') held.push(kept(got.lease, about));
              if (got.kind !== 'session') return;
              const taken = got.kept as (typeof held)[number];
              closing.delete(taken);
              held.push(taken);
            });
        } else if (what === 'close') {
          // What was dismissed closes at last.
          const gone = [...closing].filter(({ session }) => session.dismissed)[0];
          if (gone !== undefined) {
            closing.delete(gone);
            of.release(gone.lease);
          }
        } else if (one !== undefined) {
          held.splice(held.indexOf(one), 1);
          closing.add(one);
          if (what === 'keep') of.keep(one);
          else {
            closing.delete(one);
            of.release(one.lease);
          }
        }
        await vi.advanceTimersByTimeAsync(0);
        const { open, waiting } = of.counts();
        expect(open).toBeLessThanOrEqual(perHost);
        if (waiting > 0) expect(open).toBe(perHost);
        const leaving = [...closing].filter(({ session }) => session.dismissed).length;
        // Whoever waits is served by somebody who is busy, or by a connection that is about to close.
        if (waiting > 0) expect(held.length + leaving).toBeGreaterThan(0);
      }
    }),
    { numRuns: 200 },
  );
});

it('never exceeds its limits, and forgets every host, whatever happens in which order', async () => {
  const step = fc.record({
    what: fc.constantFrom('acquire', 'acquire', 'acquire', 'keep', 'keep', 'release', 'later', 'settings'),
    host: fc.constantFrom('a 25', 'b 25'),
    about: fc.constantFrom('x', 'y'),
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const limits = {
        perHost: 3,
        idleSessions: 2,
        messages: 4,
        waiting: { perHost: 2, inAll: 3 },
        patience: { idleHost: 50, inAll: 200 },
      };
      const of = connections(limits);
      const held: (Kept<string> & { readonly session: Waiting })[] = [];
      const pending = new Set<Promise<unknown>>();
      for (const { what, host, about, pick } of steps) {
        const one = held[pick % Math.max(1, held.length)];
        if (what === 'acquire') {
          const acquired = of
            .acquire(host, (candidate) => candidate.about === about)
            .then((got) => {
              if (got.kind === 'connect') held.push(kept(got.lease, about, of));
              if (got.kind === 'session') {
                expect(got.kept.about).toBe(about);
                got.kept.lease.messages += 1;
                held.push(got.kept as (typeof held)[number]);
              }
              pending.delete(acquired);
            });
          pending.add(acquired);
        } else if (what === 'later') await vi.advanceTimersByTimeAsync(pick % 6000);
        else if (what === 'settings') of.endIdle();
        else if (one !== undefined) {
          held.splice(held.indexOf(one), 1);
          if (what === 'keep') of.keep(one);
          else of.release(one.lease);
        }
        await vi.advanceTimersByTimeAsync(0);
        const { open, idle, waiting } = of.counts();
        expect(open).toBeLessThanOrEqual(2 * limits.perHost);
        expect(idle).toBeLessThanOrEqual(limits.idleSessions);
        expect(waiting).toBeLessThanOrEqual(limits.waiting.inAll);
        expect(open - idle).toBe(held.length);
      }
      while (pending.size > 0 || held.length > 0) {
        for (const one of held.splice(0)) of.release(one.lease);
        await vi.advanceTimersByTimeAsync(10);
      }
      of.endIdle();
      expect(of.counts()).toEqual({ open: 0, idle: 0, waiting: 0, hosts: 0 });
    }),
    { numRuns: 200 },
  );
});
