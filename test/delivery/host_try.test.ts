/** What follows at the same host after its TLS failed. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { againAfter, firstTry, withoutTls, type HostTry } from '../../src/delivery/host_try';
import type { Failure } from '../../src/failure';
import type { CleartextFallback } from '../../src/peers/rule';
import type { Requirement } from '../../src/policy/requirement';
import type { TlsFailureStage } from '../../src/smtp/session';
import * as groups from '../../src/tls/groups';

const node: { hellos: 'one' | 'two' } = { hellos: 'two' };
beforeAll(() => void vi.spyOn(groups, 'hasClassicHello').mockImplementation(() => node.hellos === 'two'));

const terms = {
  minVersion: 'TLSv1.2',
  serverName: undefined,
  observe: undefined,
  because: 'mandatory',
} as const;
const requirements = {
  encrypted: { ...terms, kind: 'encrypted', authentication: { kind: 'none' } },
  never: opportunistic('never'),
  no_starttls: opportunistic('no_starttls'),
  handshake_failure: opportunistic('handshake_failure'),
} as const;
type Kind = keyof typeof requirements;

function opportunistic(cleartextFallback: CleartextFallback): Requirement {
  return { ...terms, kind: 'opportunistic', cleartextFallback };
}

function tryOf(kind: Kind): HostTry {
  const plan = {
    host: 'mx.example',
    port: 25,
    preference: 10,
    addresses: [],
    requirement: requirements[kind],
    discovered: '',
    recorded: [],
  };
  return firstTry({ exchange: '192.0.2.1', priority: 10 }, plan);
}

const failure: Failure = { reason: 'tls-handshake-failed', text: 'silence' };

/** What is done in turn, as long as every try ends at `at`. */
function course(kind: Kind, at: TlsFailureStage): string[] {
  const steps: string[] = [];
  for (let tried = tryOf(kind); ;) {
    const again = againAfter(tried, { kind: 'tls', failure, at });
    steps.push(again.kind);
    if (again.kind === 'no') return steps;
    tried = again.next;
  }
}

describe('a handshake that stalls', () => {
  test.each<[Kind, string[]]>([
    ['encrypted', ['with_classic_hello', 'no']],
    ['never', ['with_classic_hello', 'no']],
    ['no_starttls', ['with_classic_hello', 'no']],
    ['handshake_failure', ['with_classic_hello', 'without_tls', 'no']],
  ])('%s: is tried with the classic hello, once and before any cleartext', (kind, steps) => {
    node.hellos = 'two';
    expect(course(kind, 'stalled')).toEqual(steps);
  });

  test.each<[Kind, string[]]>([
    ['encrypted', ['no']],
    ['handshake_failure', ['without_tls', 'no']],
  ])('%s: is not tried twice where both hellos are the same', (kind, steps) => {
    node.hellos = 'one';
    expect(course(kind, 'stalled')).toEqual(steps);
  });
});

test.each<[TlsFailureStage, Kind, string[]]>([
  ['starttls', 'encrypted', ['no']],
  ['starttls', 'handshake_failure', ['without_tls', 'no']],
  ['verification', 'encrypted', ['no']],
  ['verification', 'handshake_failure', ['no']],
  ['session', 'handshake_failure', ['no']],
])('what fails otherwise is no matter of the hello: %s, %s', (at, kind, steps) => {
  node.hellos = 'two';
  expect(course(kind, at)).toEqual(steps);
});

test('a host that is remembered for broken TLS, and takes no mail without, has both hellos', () => {
  node.hellos = 'two';
  const remembered = withoutTls(tryOf('handshake_failure'), failure, 'before');
  const again = againAfter(remembered, { kind: 'tls', failure, at: 'session' });
  expect(again).toMatchObject({ kind: 'with_tls', next: { hello: 'default' } });
  const next = again.kind === 'no' ? remembered : again.next;
  expect(againAfter(next, { kind: 'tls', failure, at: 'stalled' }).kind).toBe('with_classic_hello');
});
