/**
 * Rules that change while mail is in flight, at a Haraka with two workers: each message goes by a rule that was in force
 * between its arrival and its delivery, and none is lost.
 */
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import type { Outcome } from '../../haraka-test-harness/reports';

const file = 'tls-peers/ours.example.ini';
const workers = 2;
/** Streams of messages, and milliseconds between two of one stream: a trickle, not a flood. */
const streams = 3;
const paceMs = 60;

interface Step {
  readonly what: string;
  /** What is written; where it is empty, the file is taken away. */
  readonly text: string;
  /** What messages then go by; the same as before where the file is not valid. */
  readonly rule: string;
}

const peer = 'plain.example';
const section = `ours.example [outbound ${peer}]`;
const level = (name: string) => `[outbound ${peer}]\nsecurity_level = ${name}\n`;

const steps: readonly Step[] = [
  { what: 'added', text: level('mandatory'), rule: `${section}: mandatory` },
  { what: 'edited', text: level('may'), rule: `${section}: opportunistic` },
  { what: 'edited', text: level('verify'), rule: `${section}: verify` },
  { what: 'broken', text: `${level('none')}min_tls_version = 9\n`, rule: `${section}: verify` },
  { what: 'mended', text: level('none'), rule: `${section}: none` },
  {
    what: 'edited',
    text: '[outbound]\nsecurity_level = mandatory\n',
    rule: 'ours.example [outbound]: mandatory',
  },
  { what: 'broken', text: '[outbound\n', rule: 'ours.example [outbound]: mandatory' },
  { what: 'removed', text: '', rule: 'tls-peers.ini [outbound]: auto' },
];

/** Every rule that is ever in force, in order. */
const rules = ['tls-peers.ini [outbound]: auto', ...steps.map(({ rule }) => rule)];

interface Sent {
  /** Index in `rules`: what every worker went by when the message was sent, and what was last written when it was settled. */
  readonly oldest: number;
  readonly newest: number;
  readonly outcome: Outcome;
}

let lab: Lab;

beforeAll(async () => {
  // Beside a file that stays, one that is taken away is meant to be gone.
  const config = { 'tls-peers/stays.example.ini': level('mandatory') };
  lab = await startLab({ domains: { [peer]: { mx: [{ behaviour: 'no-starttls' }] } } }, { workers, config });
}, 60_000);

afterAll(() => lab.stop());

const ruleOf = ({ summary }: Outcome) => `${String(summary?.['rule'])}: ${String(summary?.['level'])}`;

test('every message goes by the rule of before or after a change, and by that of after within ten seconds', async () => {
  const sent: Sent[] = [];
  let written = 0;
  let settled = 0;
  let isOver = false;
  let onOutcome: () => void = () => undefined;

  const stream = async (): Promise<void> => {
    while (!isOver) {
      const oldest = settled;
      const outcome = await lab.deliver({ from: 'me@ours.example', to: `you@${peer}` });
      sent.push({ oldest, newest: written, outcome });
      onOutcome();
      await pause(paceMs);
    }
  };

  /** Until messages that were sent after this call went by `rule` at each worker. */
  const untilInForce = async (rule: string): Promise<void> => {
    const from = sent.length + streams;
    const limit = Date.now() + 10_000;
    const seen = () =>
      new Set(
        sent
          .slice(from)
          .filter(({ outcome }) => ruleOf(outcome) === rule)
          .map(({ outcome }) => outcome.pid),
      );
    while (seen().size < workers) {
      if (Date.now() > limit) throw new Error(`not every worker goes by ${rule} after 10 s`);
      await Promise.race([new Promise<void>((resolve) => (onOutcome = resolve)), Promise.all(running)]);
    }
  };

  /** A file that is not valid changes nothing that could be seen but the log, where it is said once for all processes. */
  const untilRefused = (from: number): Promise<string> =>
    lab.haraka.waitForLog(/ours\.example\.ini:\d+: /, { from, timeoutMs: 10_000 });

  const running = Array.from({ length: streams }, stream);
  try {
    await untilInForce(rules[0]!);
    for (const [index, { what, text, rule }] of steps.entries()) {
      const from = lab.haraka.logLines.length;
      written = index + 1;
      if (text === '') rmSync(path.join(lab.haraka.directory, 'config', file));
      else await lab.haraka.writeConfig(file, text);
      if (what === 'broken') await untilRefused(from);
      await untilInForce(rule);
      settled = index + 1;
    }
  } finally {
    isOver = true;
    await Promise.all(running);
  }

  for (const { oldest, newest, outcome } of sent) {
    expect(rules.slice(oldest, newest + 1)).toContain(ruleOf(outcome));
    const allowsCleartext = /: (?:auto|opportunistic|none)$/.test(ruleOf(outcome));
    expect(outcome.status).toBe(allowsCleartext ? 'delivered' : 'deferred');
  }
  // Each rule was met by somebody.
  expect(new Set(sent.map(({ outcome }) => ruleOf(outcome)))).toEqual(new Set(rules));
  expectNoneLost(sent);
}, 120_000);

/** Each message is either at the peer, once, or in the queue. */
function expectNoneLost(sent: readonly Sent[]): void {
  const ids = (status: Outcome['status']) =>
    sent.filter(({ outcome }) => outcome.status === status).map(({ outcome }) => outcome.id);
  const delivered = ids('delivered').sort();
  const received = lab.peer(`mx.${peer}`).messages.map(({ id }) => id);
  expect(received.sort()).toEqual(delivered);
  const queued = readdirSync(path.join(lab.haraka.directory, 'queue')).filter(
    (name) => !name.startsWith('_'),
  );
  expect(queued).toHaveLength(ids('deferred').length);
  process.stdout.write(
    `rules changed under mail in flight: ${sent.length} messages, ${delivered.length} delivered, ${queued.length} queued, none lost\n`,
  );
}
