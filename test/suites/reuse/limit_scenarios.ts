/** How long sessions are kept, how many connections a host gets, and what becomes of mail beyond that. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Behaviour } from '../../../haraka-test-harness/behaviours';
import type { Outcome } from '../../../haraka-test-harness/reports';
import type { Scenario, Stage, Way } from './scenario';
import { left, tls } from './words';

const mandatory = { security_level: 'mandatory' };
const verify = { security_level: 'verify' };

/** Takes its time over each message; milliseconds. */
const slow = (afterMs: number): Behaviour => ({
  message: { do: 'reply', text: '250 2.0.0 taken\r\n', afterMs },
});

function check(holds: boolean, text: string): void {
  if (!holds) throw new Error(text);
}

const atMost =
  (connections: number) =>
  ({ host }: Stage): void =>
    check(host.mostAtOnce <= connections, `${host.mostAtOnce} connections stood at a time`);

async function sendAll(stage: Stage, count: number, ways: readonly Way[]): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, index) => stage.send(ways[index % ways.length] ?? 'a')),
  );
}

/** Every message, once it is settled. */
async function settled(stage: Stage): Promise<readonly Outcome[]> {
  const outcomes = await stage.outcomes();
  const failed = outcomes.find(({ failures, status }) => failures > 0 || status !== 'delivered');
  check(failed === undefined, `a message was ${failed?.status} after ${failed?.failures} failures`);
  return outcomes;
}

const limits: readonly Scenario[] = [
  {
    name: 'a session carries no more messages than it may (session_messages)',
    haraka: 'hasty',
    rules: { a: mandatory },
    steps: ['a', 'a', 'a', 'a', 'a', 'a', 'a'],
    sessions: [left(tls(1, 2, 3)), left(tls(4, 5, 6)), left(tls(7))],
  },
  {
    name: 'a session waits no longer than it may (session_idle), and is not kept where mail comes seldom',
    haraka: 'hasty',
    rules: { a: mandatory },
    steps: [
      'a',
      async ({ host }) => {
        const begun = performance.now();
        await host.settled();
        const seconds = (performance.now() - begun) / 1000;
        check(seconds > 2, `it waited ${seconds.toFixed(1)} s`);
      },
      async (stage) => {
        await stage.deliver('a');
        const begun = performance.now();
        await stage.host.settled();
        const seconds = (performance.now() - begun) / 1000;
        check(seconds < 2, `it was kept for ${seconds.toFixed(1)} s`);
      },
    ],
    sessions: [left(tls(1)), left(tls(2))],
  },
  {
    name: 'a session that is too old carries no further message (session_age)',
    haraka: 'aging',
    rules: { a: mandatory },
    steps: ['a', 'a', () => wait(4100), 'a'],
    sessions: [left(tls(1, 2)), tls(3)],
  },
  {
    name: 'no more sessions wait than may (idle_sessions)',
    haraka: 'aging',
    rules: { a: mandatory, b: verify },
    steps: ['a', 'b', 'b', 'a'],
    sessions: [left(tls(1)), left(tls(2, 3)), tls(4)],
  },
  {
    name: 'sessions are not kept where they are not to be (reuse_connections = false)',
    haraka: 'off',
    rules: { a: mandatory },
    steps: ['a', 'a', 'a'],
    sessions: [left(tls(1)), left(tls(2)), left(tls(3))],
  },
];

const connections: readonly Scenario[] = [
  {
    name: 'a host with one connection: mail of another kind waits until that is closed',
    haraka: 'narrow',
    rules: { a: mandatory, b: verify },
    steps: ['a', 'b', 'a', 'b', atMost(1)],
    sessions: [left(tls(1)), left(tls(2)), left(tls(3)), tls(4)],
  },
  {
    name: 'a host that is slow holds up no mail to others; its own comes by again, and none of that is a failure',
    haraka: 'narrow',
    rules: { a: mandatory },
    host: { behaviour: slow(700) },
    steps: [
      async (stage) => {
        await sendAll(stage, 10, ['a']);
        const { lab, host } = stage;
        const begun = host.messages.length;
        const others = await Promise.all(
          Array.from({ length: 20 }, () =>
            lab.deliver({ from: 'me@a.narrow-0.example', to: 'you@p.narrow-0.example' }),
          ),
        );
        check(
          others.every(({ status }) => status === 'delivered'),
          'mail to another host was held up',
        );
        const meanwhile = host.messages.length - begun;
        check(meanwhile < 9, `${meanwhile} messages to the slow host were faster`);
        await lab.haraka.waitForLog(/has all the connections that it may have \(connections_per_host\)/);
      },
      (stage) => settled(stage),
      atMost(1),
      ({ host }) => check(host.connections.length === 2, `there were ${host.connections.length} sessions`),
    ],
    sessions: 'any',
  },
  {
    name: 'a host that stands still for longer than mail waits gets all of it in the end',
    haraka: 'narrow',
    rules: { a: mandatory },
    host: { behaviour: { ...slow(2600), quit: { do: 'silence' } } },
    steps: [(stage) => sendAll(stage, 3, ['a']), (stage) => settled(stage), atMost(1)],
    sessions: 'any',
  },
  {
    name: 'a host with three connections carries everything over them, whichever rule that shares them it is under',
    haraka: 'wide',
    rules: { a: mandatory, b: mandatory },
    host: { behaviour: slow(50) },
    steps: [
      (stage) => sendAll(stage, 24, ['a', 'b q', 'b', 'a q']),
      (stage) => settled(stage),
      atMost(3),
      ({ host }) => check(host.connections.length <= 4, `there were ${host.connections.length} sessions`),
    ],
    sessions: 'any',
  },
  {
    name: 'two rules that share nothing share the connections of a host',
    haraka: 'wide',
    rules: { a: mandatory, b: verify },
    host: { behaviour: slow(50) },
    steps: [(stage) => sendAll(stage, 24, ['a', 'b']), (stage) => settled(stage), atMost(3)],
    sessions: 'any',
  },
];

export const limitScenarios: readonly Scenario[] = [...limits, ...connections];
