/** What is done at the same host after its TLS failed. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  againAfter,
  firstTry,
  rememberedBroken,
  type HostTry,
  type TryTls,
} from '../../src/delivery/host_try';
import type { HostPlan, Requirement } from '../../src/policy/requirement';
import type { TlsFailureStage } from '../../src/smtp/session';
import * as groups from '../../src/tls/groups';

const failure = { reason: 'tls-handshake-failed', text: 'the handshake failed' } as const;

const opportunistic = {
  kind: 'opportunistic',
  minVersion: 'TLSv1',
  serverName: 'mx.example',
  observe: undefined,
  because: 'opportunistic',
} as const;

const requirements: Record<string, Requirement> = {
  encrypted: {
    kind: 'encrypted',
    minVersion: 'TLSv1.2',
    authentication: { kind: 'none' },
    serverName: 'mx.example',
    observe: undefined,
    because: 'mandatory',
  },
  never: { ...opportunistic, cleartextFallback: 'never' },
  no_starttls: { ...opportunistic, cleartextFallback: 'no_starttls' },
  handshake_failure: { ...opportunistic, cleartextFallback: 'handshake_failure' },
};

const tries: Record<string, TryTls> = {
  asked: { kind: 'as_required', memory: 'asked' },
  ignored: { kind: 'as_required', memory: 'ignored' },
  'without now': { kind: 'without', failure, seen: 'now' },
  'without before': { kind: 'without', failure: rememberedBroken, seen: 'before' },
};

const stages: readonly TlsFailureStage[] = ['starttls', 'stalled', 'verification', 'session'];
const hellos: readonly groups.Hello[] = ['default', 'classic'];

/** The first row that fits counts; `*` fits everything. `cleartext_fallback` stands for the requirement of its kind. */
const table = `
  tls            | stage    | hello   | other hello | requirement       | again
  without before | session  | *       | *           | *                 | with_tls
  without before | *        | *       | *           | *                 | no
  without now    | *        | *       | *           | *                 | no
  *              | stalled  | default | yes         | *                 | with_classic_hello
  *              | stalled  | *       | *           | handshake_failure | without_tls
  *              | starttls | *       | *           | handshake_failure | without_tls
  *              | *        | *       | *           | *                 | no`
  .trim()
  .split('\n')
  .slice(1)
  .map((row) => row.split('|').map((cell) => cell.trim()));

function expected(...facts: readonly string[]): string {
  const row = table.find((cells) => facts.every((fact, at) => cells[at] === '*' || cells[at] === fact));
  return row?.at(-1) ?? 'no row';
}

function tried(tls: TryTls, hello: groups.Hello, requirement: Requirement): HostTry {
  const plan: HostPlan = {
    host: 'mx.example',
    preference: 10,
    port: 25,
    addresses: [],
    requirement,
    recorded: [],
    discovered: '',
  };
  return { ...firstTry({ exchange: '192.0.2.1', priority: 10 }, plan), tls, hello };
}

const combinations = Object.keys(tries).flatMap((tls) =>
  stages.flatMap((at) =>
    hellos.flatMap((hello) => Object.keys(requirements).map((name) => ({ tls, at, hello, name }))),
  ),
);

describe.each(['yes', 'no'])('where this Node has another hello: %s', (other) => {
  beforeEach(() => void vi.spyOn(groups, 'hasClassicHello').mockReturnValue(other === 'yes'));

  it.each(combinations)('$tls, $at, $hello hello, $name', ({ tls, at, hello, name }) => {
    const before = tried(tries[tls]!, hello, requirements[name]!);
    const again = againAfter(before, { kind: 'tls', failure, at });
    expect(again.kind).toBe(expected(tls, at, hello, other, name));
    if (again.kind === 'no') return;
    // The same host, held to the same.
    expect(again.next).toMatchObject({ mx: before.mx, plan: before.plan });
    const { next } = again;
    switch (again.kind) {
      case 'with_classic_hello':
        expect(next).toEqual({ ...before, hello: 'classic' });
        break;
      case 'without_tls':
        expect(next).toEqual({ ...before, tls: { kind: 'without', failure, seen: 'now' } });
        break;
      case 'with_tls':
        expect(next).toEqual({ ...before, tls: { kind: 'as_required', memory: 'ignored' } });
    }
  });

  it('never leads to cleartext where that is forbidden, and always comes to an end', () => {
    for (const { name } of combinations) {
      const from = [tried({ kind: 'as_required', memory: 'asked' }, 'default', requirements[name]!)];
      let steps = 0;
      for (let now = from.pop(); now !== undefined; now = from.pop()) {
        expect((steps += 1)).toBeLessThan(100);
        for (const at of stages) {
          const again = againAfter(now, { kind: 'tls', failure, at });
          if (again.kind === 'no') continue;
          if (name !== 'handshake_failure') expect(again.next.tls.kind).toBe('as_required');
          from.push(again.next);
        }
      }
    }
  });
});
