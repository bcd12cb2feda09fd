import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore, type PolicyStore } from '../../src/mta_sts/store';
import { policyText, response } from './support/hosts';
import { ManualClock, World, type Domain } from './support/sender';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const enforced = { kind: 'policy', policy: { mode: 'enforce' } };

let world: World;
let clock: ManualClock;
beforeEach(async () => {
  world = await World.create();
  clock = new ManualClock();
});
afterEach(async () => {
  await world.close();
});

describe('a domain at first contact', () => {
  it('has the policy that its host serves, under the id of its record', async () => {
    await world.domain('a.example');
    expect(await world.sender({ clock }).get('a.example', world.roots)).toEqual({
      kind: 'policy',
      policy: { mode: 'enforce', mx: ['mx.example.com'], maxAge: 86_400, extensions: [] },
      id: 'id1',
      refreshFailure: 'none',
    });
  });

  it('is told who asks', async () => {
    const { host } = await world.domain('a.example');
    await world.sender({ clock }).get('a.example', world.roots);
    expect(host.requests[0]).toMatch(/^User-Agent: haraka-plugin-tls-peers\r$/m);
  });

  it('is asked for in any case and as U-labels, and is the same domain', async () => {
    const domain = await world.domain('xn--bcher-kva.example');
    const sender = world.sender({ clock });
    for (const name of ['xn--bcher-kva.example', 'XN--BCHER-KVA.Example.', 'bücher.example']) {
      expect(await sender.get(name, world.roots)).toMatchObject(enforced);
    }
    expect(domain.host.requests).toHaveLength(1);
  });

  it.each(['', '192.0.2.1', 'a..b', 'x'.repeat(300)])('has none where "%s" is no domain', async (name) => {
    const facts = await world.sender({ clock }).get(name, world.roots);
    expect(facts).toEqual({ kind: 'no_policy', failure: 'not_published' });
    expect(world.hosts.dns.questions).toEqual([]);
  });

  it('has none, and its host is not asked, where no record is published', async () => {
    const domain = await world.domain('a.example');
    domain.publish('nothing');
    const facts = await world.sender({ clock }).get('a.example', world.roots);
    expect(facts).toEqual({ kind: 'no_policy', failure: 'not_published' });
    expect(domain.host.connections.most).toBe(0);
  });

  it('has none, for a reason, where the record cannot be looked up', async () => {
    (await world.domain('a.example')).publish('servfail');
    const facts = await world.sender({ clock }).get('a.example', world.roots);
    expect(facts).toMatchObject({ kind: 'no_policy', failure: { reason: 'dns-lookup-failed' } });
  });

  it('has none, for a reason, where the record is broken', async () => {
    (await world.domain('a.example')).publish('not-an-id');
    const facts = await world.sender({ clock }).get('a.example', world.roots);
    expect(facts).toMatchObject({ kind: 'no_policy', failure: { reason: 'sts-policy-invalid' } });
  });

  it('has none, for a reason, where its host has none', async () => {
    (await world.domain('a.example')).fail();
    const facts = await world.sender({ clock }).get('a.example', world.roots);
    expect(facts).toMatchObject({ kind: 'no_policy', failure: { reason: 'sts-policy-fetch-error' } });
  });

  it(
    'has the policy also where one mx of it matches no host, which the log names',
    { tags: ['regression'] },
    async () => {
      await world.domain('a.example', {
        mx: ['mx.example.com', '192.0.2.86', 'a-.example'].join('\r\nmx: '),
      });
      const store = createMemoryStore();
      const expected = { ...enforced, policy: { mx: ['mx.example.com', '192.0.2.86', 'a-.example'] } };
      expect(await world.sender({ clock, store }).get('a.example', world.roots)).toMatchObject(expected);
      expect(world.log).toContain(
        'MTA-STS policy of a.example, id id1: line 4 "mx: 192.0.2.86": mx must be a host name, not an address; it ' +
          'matches no host; line 5 "mx: a-.example": mx must be a host name, or "*." and a domain; it matches no host',
      );
    },
  );

  it('does not hold up who cannot wait, and the policy is there for the next message', async () => {
    const domain = await world.domain('a.example');
    let release: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      const { answer } = domain;
      domain.answer = (...all) => {
        release = () => answer(...all);
        resolve();
      };
    });
    const sender = world.sender({ clock });
    const impatient = new AbortController();
    const first = sender.get('a.example', { ...world.roots, signal: impatient.signal });
    const second = sender.get('a.example', world.roots);
    await asked;
    impatient.abort();
    expect(await first).toMatchObject({ kind: 'no_policy', failure: { reason: 'sts-policy-fetch-error' } });
    release();
    expect(await second).toMatchObject(enforced);
    expect(domain.host.requests).toHaveLength(1);
  });
});

describe('a policy in force', () => {
  it('is used again without asking its host or the store', async () => {
    const domain = await world.domain('a.example');
    const store = counted(createMemoryStore());
    const sender = world.sender({ clock, store });
    await sender.get('a.example', world.roots);
    const { calls } = store;
    for (let n = 0; n < 20; n++) expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(domain.host.requests).toHaveLength(1);
    expect(store.calls).toBe(calls);
  });

  it.each(['nothing', 'silent', 'servfail', 'not-an-id'] as const)(
    'outlives a TXT record that is now %s, together with its host',
    async (published) => {
      const domain = await world.domain('a.example');
      const sender = world.sender({ clock });
      await sender.get('a.example', world.roots);
      domain.publish(published);
      domain.fail();
      clock.advance(day - 1);
      const facts = await sender.get('a.example', world.roots);
      expect(facts).toMatchObject({ ...enforced, refreshFailure: { reason: expect.any(String) } });
    },
  );

  it(
    'gives way to a mode none that still has a stale mx, and not to one in force of which no mx is a name',
    { tags: ['regression'] },
    async () => {
      const domain = await world.domain('a.example');
      const sender = world.sender({ clock });
      await sender.get('a.example', world.roots);
      domain.serve({ mx: 'a-.example' });
      domain.publish('id2');
      const kept = { ...enforced, id: 'id1', refreshFailure: { reason: 'sts-policy-invalid' } };
      expect(await sender.get('a.example', world.roots)).toMatchObject(kept);
      domain.serve({ mode: 'none', mx: '192.0.2.86' });
      domain.publish('id3');
      expect(await sender.get('a.example', world.roots)).toMatchObject({
        policy: { mode: 'none' },
        id: 'id3',
      });
    },
  );

  it('ends with its max_age', async () => {
    const domain = await world.domain('a.example', { maxAge: 100 });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('nothing');
    clock.advance(99);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    clock.advance(1);
    expect(await sender.get('a.example', world.roots)).toEqual({
      kind: 'no_policy',
      failure: 'not_published',
    });
  });

  it('is fetched anew once it has expired', async () => {
    const domain = await world.domain('a.example', { maxAge: 100 });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    clock.advance(100);
    domain.serve({ mode: 'testing' });
    expect(await sender.get('a.example', world.roots)).toMatchObject({ policy: { mode: 'testing' } });
  });

  it('governs the messages that waited for it even where its max_age is 0', async () => {
    const domain = await world.domain('a.example', { maxAge: 0 });
    const sender = world.sender({ clock });
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(domain.host.requests).toHaveLength(2);
  });

  it('stays while the host of a new id fails, and gives way when it works again', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.fail();
    expect(await sender.get('a.example', world.roots)).toMatchObject({
      ...enforced,
      id: 'id1',
      refreshFailure: { reason: 'sts-policy-fetch-error' },
    });
    domain.serve({ mode: 'testing' });
    clock.advance(5 * minute);
    expect(await sender.get('a.example', world.roots)).toMatchObject({
      policy: { mode: 'testing' },
      id: 'id2',
      refreshFailure: 'none',
    });
  });

  it('stays where the policy under a new id is broken', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.serve({ mode: 'enforced' });
    expect(await sender.get('a.example', world.roots)).toMatchObject({
      ...enforced,
      id: 'id1',
      refreshFailure: { reason: 'sts-policy-invalid' },
    });
  });

  it('gives way to mode none', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.serve({ mode: 'none' });
    expect(await sender.get('a.example', world.roots)).toMatchObject({
      policy: { mode: 'none' },
      id: 'id2',
    });
    domain.publish('nothing');
    expect(await sender.get('a.example', world.roots)).toMatchObject({ policy: { mode: 'none' } });
  });

  it('counts only under the roots that authenticated it', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(await sender.get('a.example', { extraRoots: '' })).toMatchObject({
      kind: 'no_policy',
      failure: { reason: 'sts-webpki-invalid' },
    });
    expect(domain.host.requests).toHaveLength(1);
  });

  it('counts still where roots are added to those that authenticated it', async () => {
    (await world.domain('a.example')).publish('nothing');
    const store = createMemoryStore();
    const policy = { mode: 'enforce', mx: ['mx.a.example'], maxAge: day, extensions: [] } as const;
    await store.write({ domain: 'a.example', roots: 'default', id: '1', fetchedAt: clock.wall(), policy });
    const sender = world.sender({ clock, store });
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(await sender.get('a.example', { extraRoots: '' })).toMatchObject(enforced);
  });

  it('of one domain does not govern another on the same MX or policy host', async () => {
    await world.domain('a.example');
    (await world.domain('b.example')).publish('nothing');
    const sender = world.sender({ clock });
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(await sender.get('b.example', world.roots)).toMatchObject({ kind: 'no_policy' });
    expect(await sender.get('sub.a.example', world.roots)).toMatchObject({ kind: 'no_policy' });
  });

  it.each([
    ['ahead by ten years', 10 * 365 * day],
    ['back by ten years', -10 * 365 * day],
  ])('lives neither shorter nor longer when the wall clock is set %s', async (_what, jump) => {
    const domain = await world.domain('a.example', { maxAge: 100 });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('nothing');
    clock.jump(jump);
    clock.advance(99);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    clock.advance(1);
    expect(await sender.get('a.example', world.roots)).toMatchObject({ kind: 'no_policy' });
  });

  it('is not asked about for a minute after its record got no answer', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('servfail');
    for (let n = 0; n < 10; n++) await sender.get('a.example', world.roots);
    expect(world.questions('_mta-sts.a.example')).toBe(2);
    clock.advance(minute);
    await sender.get('a.example', world.roots);
    expect(world.questions('_mta-sts.a.example')).toBe(3);
  });
});

describe('a host that fails', () => {
  it('is not asked for every message, but after five minutes, then ten, to an hour', async () => {
    const domain = await world.domain('a.example');
    domain.fail();
    const sender = world.sender({ clock });
    const asked: number[] = [];
    for (let minutes = 0; minutes <= 200; minutes++) {
      const before = domain.host.requests.length;
      await sender.get('a.example', world.roots);
      if (domain.host.requests.length > before) asked.push(minutes);
      clock.advance(minute);
    }
    expect(asked).toEqual([0, 5, 15, 35, 75, 135, 195]);
  });

  it('is asked at once under a new id', async () => {
    const domain = await world.domain('a.example');
    domain.fail();
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.serve({});
    expect(await sender.get('a.example', world.roots)).toMatchObject({ ...enforced, id: 'id2' });
  });

  it('is asked at most five times in five minutes, however often the id changes', async () => {
    const domain = await world.domain('a.example');
    domain.fail();
    const sender = world.sender({ clock });
    for (let n = 0; n < 40; n++) {
      domain.publish(`id${n}`);
      await sender.get('a.example', world.roots);
    }
    expect(domain.host.requests).toHaveLength(5);
  });

  it('is asked at most five times in five minutes also where it works and the id keeps changing', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    for (let n = 0; n < 40; n++) {
      domain.publish(`id${n}`);
      expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    }
    expect(domain.host.requests).toHaveLength(5);
  });

  it('is named in the log without control characters', async () => {
    const domain = await world.domain('a.example');
    domain.answer = (socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: a/\x9b2J\r\nContent-Length: 0\r\n\r\n', 'latin1');
    await world.sender({ clock }).get('a.example', world.roots);
    expect(world.log.join('')).toContain('\\u{9b}2J');
    expect(world.log.join('')).not.toMatch(/\p{Cc}/u);
  });
});

describe('looking once more before giving up', () => {
  it('finds a newer policy whose id was not changed', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.serve({ mode: 'testing' });
    clock.advance(5 * minute);
    expect(await sender.refresh('a.example', world.roots)).toMatchObject({ policy: { mode: 'testing' } });
  });

  it('keeps the policy where there is no newer one', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.fail();
    clock.advance(5 * minute);
    expect(await sender.refresh('a.example', world.roots)).toMatchObject({
      ...enforced,
      refreshFailure: { reason: 'sts-policy-fetch-error' },
    });
    domain.publish('nothing');
    expect(await sender.refresh('a.example', world.roots)).toMatchObject(enforced);
  });

  it('asks the record although its last lookup failed', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('servfail');
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.serve({ mode: 'none' });
    expect(await sender.refresh('a.example', world.roots)).toMatchObject({ policy: { mode: 'none' } });
  });

  it('asks a host at most three times in five minutes, however much mail fails', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    const before = domain.host.requests.length;
    for (let second = 0; second < 20 * minute; second += 10) {
      await sender.refresh('a.example', world.roots);
      clock.advance(10);
    }
    expect(domain.host.requests.length - before).toBe(2 + 3 + 3 + 3);
  });

  it('does not ask a host that has only just answered', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    await sender.refresh('a.example', world.roots);
    expect(domain.host.requests).toHaveLength(1);
  });

  it('asks a host at once that has only just failed', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.fail();
    await sender.get('a.example', world.roots);
    domain.serve({ mode: 'none' });
    expect(await sender.refresh('a.example', world.roots)).toMatchObject({ policy: { mode: 'none' } });
  });

  it('is not put off by the long backoff of mere refreshes', async () => {
    const domain = await world.domain('a.example', { maxAge: 30 * day });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('id2');
    domain.fail();
    for (let n = 0; n < 8; n++) {
      await sender.get('a.example', world.roots);
      clock.advance(2 ** n * 5 * minute);
    }
    await sender.get('a.example', world.roots);
    domain.serve({ mode: 'testing' });
    clock.advance(5 * minute);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(await sender.refresh('a.example', world.roots)).toMatchObject({ policy: { mode: 'testing' } });
  });
});

describe('refreshing ahead of expiry', () => {
  it('asks each host once, although slow ones hold up a sweep until the next', async () => {
    const names = ['a.example', 'b.example', 'slow.example', 'slower.example'];
    const domains = await Promise.all(names.map((name) => world.domain(name, { maxAge: 30 * day })));
    const sender = world.sender({ clock });
    // Those to which mail went last come first in a sweep.
    for (const name of names) await sender.get(name, world.roots);
    const [a, b, slow, slower] = domains as [Domain, Domain, Domain, Domain];
    const released: (() => void)[] = [];
    const bothAsked = new Promise<void>((resolve) => {
      for (const domain of [slow, slower]) {
        domain.answer = (socket) => {
          released.push(() => socket.end(response(policyText())));
          if (released.length === 2) resolve();
        };
      }
    });
    clock.advance(2 * day);
    const first = sender.refreshDue();
    await bothAsked;
    await sender.refreshDue();
    for (const release of released) release();
    await first;
    expect([a.host.requests.length, b.host.requests.length]).toEqual([2, 2]);
  });

  it('renews a policy in use, so that it outlives its first max_age under an attack that begins later', async () => {
    const domain = await world.domain('a.example', { maxAge: 4 * day });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    clock.advance(2 * day);
    await sender.refreshDue();
    expect(domain.host.requests).toHaveLength(2);
    domain.publish('nothing');
    domain.fail();
    clock.advance(3 * day);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
  });

  it.each(['nothing', 'servfail'] as const)(
    'asks the host although the record is %s: to withhold it is not enough to outlive the policy',
    async (published) => {
      const domain = await world.domain('a.example', { maxAge: 4 * day });
      const sender = world.sender({ clock });
      await sender.get('a.example', world.roots);
      domain.publish(published);
      clock.advance(2 * day);
      await sender.refreshDue();
      expect(domain.host.requests).toHaveLength(2);
      clock.advance(3 * day);
      expect(await sender.get('a.example', world.roots)).toMatchObject({ ...enforced, id: 'id1' });
    },
  );

  it('does not ask the host of a policy in mode none whose record is gone', async () => {
    const domain = await world.domain('a.example', { mode: 'none', maxAge: 4 * day });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('nothing');
    clock.advance(2 * day);
    await sender.refreshDue();
    expect(domain.host.requests).toHaveLength(1);
  });

  it('leaves a fresh policy alone', async () => {
    const domain = await world.domain('a.example', { maxAge: 4 * day });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    clock.advance(hour);
    await sender.refreshDue();
    expect(domain.host.requests).toHaveLength(1);
  });

  it('leaves alone a domain that no mail went to for a week', async () => {
    const domain = await world.domain('a.example', { maxAge: 30 * day });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    clock.advance(7 * day);
    await sender.refreshDue();
    expect(domain.host.requests).toHaveLength(1);
  });

  it('is spread out', async () => {
    const near = await world.domain('near.example', { maxAge: 30 * day });
    const far = await world.domain('far.example', { maxAge: 30 * day });
    const early = world.sender({ clock, random: () => 0 });
    const late = world.sender({ clock, random: () => 0.999 });
    await early.get('near.example', world.roots);
    await late.get('far.example', world.roots);
    clock.advance(20 * hour);
    await early.refreshDue();
    await late.refreshDue();
    expect([near.host.requests.length, far.host.requests.length]).toEqual([2, 1]);
    clock.advance(11 * hour);
    await late.refreshDue();
    expect(far.host.requests).toHaveLength(2);
  });

  it('backs off from a host that fails', async () => {
    const domain = await world.domain('a.example', { maxAge: 300 * day });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.fail();
    clock.advance(2 * day);
    for (let n = 0; n < 4 * 24; n++) {
      await sender.get('a.example', world.roots);
      await sender.refreshDue();
      clock.advance(hour);
    }
    // Hourly while the delay is shorter than that, then after 2, 3, 6, 11, 22 and 24 hours.
    expect(domain.host.requests.length).toBeLessThan(15);
    expect(domain.host.requests.length).toBeGreaterThan(5);
  });
});

describe('a store behind it', () => {
  it('keeps policies across restarts, with DNS and the host gone', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example');
    const before = world.sender({ clock, store });
    await before.get('a.example', world.roots);
    domain.publish('nothing');
    domain.fail();
    const after = world.sender({ clock, store });
    await after.start();
    expect(await after.get('a.example', world.roots)).toMatchObject(enforced);
  });

  it('governs also the message that cannot wait for anything else', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example');
    await world.sender({ clock, store }).get('a.example', world.roots);
    domain.publish('silent');
    const signal = AbortSignal.abort();
    const facts = await world.sender({ clock, store }).get('a.example', { ...world.roots, signal });
    expect(facts).toMatchObject(enforced);
  });

  it('ends a policy at its max_age although the process was not there to see it', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example', { maxAge: 100 });
    await world.sender({ clock, store }).get('a.example', world.roots);
    domain.publish('nothing');
    clock.advance(100);
    const facts = await world.sender({ clock, store }).get('a.example', world.roots);
    expect(facts).toEqual({ kind: 'no_policy', failure: 'not_published' });
  });

  it('enforces a policy again once a clock that ran ahead at the start is put right', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example', { maxAge: 10 * minute });
    await world.sender({ clock, store }).get('a.example', world.roots);
    domain.publish('nothing');
    clock.jump(1000 * day);
    const sender = world.sender({ clock, store });
    await sender.start();
    expect(await sender.get('a.example', world.roots)).toMatchObject({ kind: 'no_policy' });
    clock.jump(-1000 * day);
    clock.advance(minute);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
  });

  it('does not revive a policy that has expired when the clock is set back', async () => {
    const domain = await world.domain('a.example', { maxAge: 100 });
    const sender = world.sender({ clock });
    await sender.get('a.example', world.roots);
    domain.publish('nothing');
    clock.advance(100);
    clock.jump(-1000 * day);
    for (let n = 0; n < 3; n++) {
      expect(await sender.get('a.example', world.roots)).toMatchObject({ kind: 'no_policy' });
      clock.advance(hour);
    }
  });

  it('gives a policy from the future its max_age and no more', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example', { maxAge: 100 });
    clock.jump(1000 * day);
    await world.sender({ clock, store }).get('a.example', world.roots);
    clock.jump(-1000 * day);
    domain.publish('nothing');
    const sender = world.sender({ clock, store });
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    clock.advance(100);
    expect(await sender.get('a.example', world.roots)).toMatchObject({ kind: 'no_policy' });
  });

  it('spares a second worker the request of the first', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example');
    await world.sender({ clock, store }).get('a.example', world.roots);
    expect(await world.sender({ clock, store }).get('a.example', world.roots)).toMatchObject(enforced);
    expect(domain.host.requests).toHaveLength(1);
  });

  it('brings a new policy to a second worker that still holds the old one', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example');
    const [first, second] = [world.sender({ clock, store }), world.sender({ clock, store })];
    await first.get('a.example', world.roots);
    await second.get('a.example', world.roots);
    clock.advance(hour);
    domain.publish('id2');
    domain.serve({ mode: 'testing' });
    await first.get('a.example', world.roots);
    expect(await second.get('a.example', world.roots)).toMatchObject({ policy: { mode: 'testing' } });
    expect(domain.host.requests).toHaveLength(2);
  });

  it('brings a policy to a second worker that backs off, within a second', async () => {
    const store = createMemoryStore();
    const domain = await world.domain('a.example');
    const [first, second] = [world.sender({ clock, store }), world.sender({ clock, store })];
    domain.fail();
    await second.get('a.example', world.roots);
    domain.serve({});
    await first.get('a.example', world.roots);
    clock.advance(1);
    expect(await second.get('a.example', world.roots)).toMatchObject(enforced);
  });

  it.each(['rejects', 'throws'] as const)('costs no mail where it %s', async (behaviour) => {
    await world.domain('a.example');
    const fault = () => {
      const error = new Error('disk on fire\u001b[0m');
      if (behaviour === 'throws') throw error;
      return Promise.reject(error);
    };
    const next = { [Symbol.asyncIterator]: () => ({ next: fault }) };
    const store: PolicyStore = {
      all: () => next,
      read: fault,
      write: fault,
      noteUse: fault,
      close: () => Promise.resolve(),
    };
    const sender = world.sender({ clock, store });
    await sender.start();
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(await sender.get('a.example', world.roots)).toMatchObject(enforced);
    expect(world.log.join()).toContain('disk on fire\\u{1b}[0m');
  });

  it('holds also policies too large to stay in memory', async () => {
    const store = createMemoryStore();
    const names = ['a.example', 'b.example', 'c.example'];
    for (const name of names) await world.domain(name);
    const counting = counted(store);
    const sender = world.sender({ clock, store: counting, limits: { memoryBytes: 2_500 } });
    for (const name of names) await sender.get(name, world.roots);
    for (const name of names) world.hosts.dns.zones.txt.delete(`_mta-sts.${name}`);
    const { calls } = counting;
    for (const name of names) expect(await sender.get(name, world.roots)).toMatchObject(enforced);
    expect(counting.calls).toBeGreaterThan(calls);
  });

  it('holds what memory is too small for', async () => {
    const store = createMemoryStore();
    const names = ['a.example', 'b.example', 'c.example', 'd.example'];
    for (const name of names) await world.domain(name);
    const sender = world.sender({ clock, store, limits: { memoryEntries: 2 } });
    for (const name of names) await sender.get(name, world.roots);
    for (const name of names) world.hosts.dns.zones.txt.delete(`_mta-sts.${name}`);
    for (const name of names) expect(await sender.get(name, world.roots)).toMatchObject(enforced);
  });
});

describe('want of a place', () => {
  it('is no failure of the host, which is asked for the next message', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock, fetchOptions: { maxInFlight: 0, timeoutMs: 200 } });
    const failure = { text: expect.stringContaining('too many fetches') as string };
    for (let n = 0; n < 2; n++) {
      expect(await sender.get('a.example', world.roots)).toMatchObject({ kind: 'no_policy', failure });
    }
    expect(domain.host.connections.most).toBe(0);
    expect(world.log.join()).not.toContain('next attempt');
  });
});

describe('an address that is passed over', () => {
  it.each(['get', 'refresh'] as const)(
    'uses up none of the fetches that a domain has: %s asks as soon as there is another address',
    async (ask) => {
      const domain = await world.domain('a.example');
      const { a } = world.hosts.dns.zones;
      const alive = a.get('mta-sts.a.example')!;
      const dead = ['127.40.0.2'];
      await world.hosts.addPlain(dead[0]!, () => undefined);
      const sender = world.sender({ clock, fetchOptions: { connectTimeoutMs: 1_000 } });
      await sender.get('a.example', world.roots);
      await world.domain('dead.example');
      a.set('mta-sts.dead.example', dead);
      await sender.get('dead.example', world.roots);

      a.set('mta-sts.a.example', dead);
      domain.publish('id2');
      domain.serve({ mode: 'testing' });
      for (let n = 0; n < 6; n++) {
        const facts = await sender.get('a.example', world.roots);
        expect(facts).toMatchObject({ ...enforced, id: 'id1' });
        expect(facts).toMatchObject({
          refreshFailure: { text: expect.stringContaining('lately') as string },
        });
      }
      a.set('mta-sts.a.example', alive);
      expect(await sender[ask]('a.example', world.roots)).toMatchObject({ id: 'id2' });
    },
  );
});

describe('many messages at once', () => {
  it('for one cold domain cost one question and one request', async () => {
    const domain = await world.domain('a.example');
    const sender = world.sender({ clock });
    const all = await Promise.all(Array.from({ length: 1000 }, () => sender.get('a.example', world.roots)));
    expect(all.every((facts) => facts.kind === 'policy')).toBe(true);
    expect(domain.host.requests).toHaveLength(1);
    expect(world.questions('_mta-sts.a.example')).toBe(1);
    expect(world.questions('mta-sts.a.example')).toBe(2);
  });

  it('for a thousand domains on one dead host stay within the bound, and soon pass it over', async () => {
    const dead = '127.40.0.1';
    await world.hosts.addPlain(dead, () => undefined);
    for (let n = 0; n < 1000; n++) pointAt(`d${n}.example`, dead);
    const alive = await world.domain('alive.example');
    const fetchOptions = { maxInFlight: 8, maxPerAddress: 4, timeoutMs: 60_000, connectTimeoutMs: 3_000 };
    const sender = world.sender({ clock, fetchOptions });
    let settled = 0;
    const stuck = Array.from({ length: 1000 }, (_, n) =>
      sender.get(`d${n}.example`, world.roots).finally(() => settled++),
    );
    expect(await sender.get('alive.example', world.roots)).toMatchObject(enforced);
    expect(settled).toBe(0);
    expect(alive.host.requests).toHaveLength(1);
    const facts = await Promise.all(stuck);
    expect(facts.every(({ kind }) => kind === 'no_policy')).toBe(true);
    expect(world.hosts.opened.get(dead)).toMatchObject({ most: 4, all: 4 });
  });

  it('do not have a host taken for dead by pointing domains at it that it is not for', async () => {
    const { name, host } = await world.domain('alive.example');
    const [address] = world.hosts.dns.zones.a.get(`mta-sts.${name}`) as string[];
    const sender = world.sender({ clock });
    for (let n = 0; n < 20; n++) {
      pointAt(`d${n}.example`, address!);
      const facts = await sender.get(`d${n}.example`, world.roots);
      expect(facts).toMatchObject({ kind: 'no_policy', failure: { reason: 'sts-webpki-invalid' } });
    }
    expect(await sender.get(name, world.roots)).toMatchObject(enforced);
    expect(host.requests).toHaveLength(1);
  });

  function pointAt(domain: string, address: string): void {
    world.hosts.dns.zones.txt.set(`_mta-sts.${domain}`, ['v=STSv1; id=1']);
    world.hosts.dns.zones.a.set(`mta-sts.${domain}`, [address]);
  }
});

describe('closing', () => {
  it('ends what is under way', async () => {
    const domain = await world.domain('a.example');
    const asked = new Promise<void>((resolve) => {
      domain.answer = () => resolve();
    });
    const sender = world.sender({ clock, fetchOptions: { timeoutMs: 60_000 } });
    const facts = sender.get('a.example', world.roots);
    await asked;
    await sender.close();
    expect(await facts).toMatchObject({ kind: 'no_policy' });
  });

  it('ends a lookup that has no answer', async () => {
    (await world.domain('a.example')).publish('silent');
    const sender = world.sender({ clock });
    const facts = sender.get('a.example', world.roots);
    await sender.close();
    expect(await facts).toMatchObject({ kind: 'no_policy' });
  });
});

function counted(store: PolicyStore): PolicyStore & { calls: number } {
  const counting = {
    calls: 0,
    all: () => store.all(),
    read: (key: Parameters<PolicyStore['read']>[0]) => {
      counting.calls++;
      return store.read(key);
    },
    write: (stored: Parameters<PolicyStore['write']>[0]) => {
      counting.calls++;
      return store.write(stored);
    },
    noteUse: (key: Parameters<PolicyStore['noteUse']>[0]) => store.noteUse(key),
    close: () => store.close(),
  };
  return counting;
}
