/** Files with rules that vanish under a Haraka with a worker: what waits stays held to them, whatever is started anew. */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { submit } from '../../haraka-test-harness/smtp_client';

interface Case {
  readonly what: string;
  readonly config: Readonly<Record<string, string>>;
  readonly from: string;
  /** Below config/: renamed, and renamed back. */
  readonly gone: string;
  /** What is written down of it while it is there. */
  readonly remembered: string;
  /** Said in place of the rules by a process that never read them. */
  readonly reason: RegExp;
}

const mandatory = '[outbound]\nsecurity_level = mandatory\n';

const cases: Case[] = [
  {
    what: 'the directory',
    config: { 'tls-peers/ours.example.ini': mandatory, 'tls-peers/other.example.ini': mandatory },
    from: 'me@ours.example',
    gone: 'tls-peers',
    remembered: '["ours.example","written"]',
    reason:
      /config-invalid: .*tls-peers\/ours\.example\.ini: is gone: put it back, or accept that with tls-peers/,
  },
  {
    what: 'the global file',
    config: { 'tls-peers.ini': mandatory },
    from: 'me@stranger.example',
    gone: 'tls-peers.ini',
    remembered: '"global":"written"',
    reason: /config-invalid: .*tls-peers\.ini: is gone: put it back, or accept that with tls-peers/,
  },
  {
    what: 'the last file',
    config: { 'tls-peers/ours.example.ini': mandatory },
    from: 'me@ours.example',
    gone: 'tls-peers/ours.example.ini',
    remembered: '["ours.example","written"]',
    reason:
      /config-invalid: .*tls-peers\/ours\.example\.ini: is gone: put it back, or accept that with tls-peers/,
  },
];

describe('rules that vanish', { tags: ['regression'] }, () => {
  it.concurrent.each(cases)(
    '$what: running, by the last good rules; worker killed, or restart: deferred until it is back',
    async (one) => {
      const lab = await startLab(
        { domains: { 'waits.example': { mx: [{ behaviour: 'no-starttls' }] }, 'good.example': {} } },
        { workers: 1, retryIntervals: '5s*30', config: one.config },
      );
      try {
        await goThrough(lab, one);
      } finally {
        await lab.stop();
      }
    },
    150_000,
  );
});

async function goThrough(lab: Lab, { from, gone, remembered, reason }: Case): Promise<void> {
  const { haraka } = lab;
  const file = path.join(haraka.directory, 'config', gone);
  const waiting = await lab.send({ from, to: 'you@waits.example' });
  let attempt = 1;
  const next = () => lab.outcome(waiting.id, { attempt: attempt++, timeoutMs: 30_000 });
  const first = await next();
  expect(first.error).toMatch(/starttls-not-supported/);
  await writtenDown(haraka.directory, remembered);

  const said = haraka.waitForLog(/: 1 fault: the last good settings .*stay in force/, { timeoutMs: 30_000 });
  renameSync(file, `${file}.away`);
  await said;
  // By the last good rules: what may go goes, what may not waits.
  const sent = await lab.deliver({ from, to: 'you@good.example' });
  expect(sent).toMatchObject({ status: 'delivered', delivery: { secured: true } });
  expect(await next()).toMatchObject({
    status: 'deferred',
    error: expect.stringMatching(/starttls-not-supported/),
  });

  process.kill(first.pid, 'SIGKILL');
  const byAnother = await nextBy((pid) => pid !== first.pid, next);
  expect(byAnother).toMatchObject({ status: 'deferred', error: expect.stringMatching(reason) });

  await haraka.restart();
  const afterRestart = await nextBy((pid) => pid !== byAnother.pid, next);
  expect(afterRestart).toMatchObject({ status: 'deferred', error: expect.stringMatching(reason) });
  const recipient = from.replace('me@', 'you@');
  await expect(
    submit({ port: haraka.port, from: 'a@peer.example', to: [recipient], data: 'x', timeoutMs: 5000 }),
  ).rejects.toThrow(/451 4\.3\.5 .* to RCPT TO/);

  const valid = haraka.waitForLog(/every file is valid again/, { timeoutMs: 30_000 });
  renameSync(`${file}.away`, file);
  await valid;
  lab.peer('mx.waits.example').setBehaviour('normal');
  const last = await lab.outcome(waiting.id, { wanted: 'settled', timeoutMs: 30_000 });
  expect(last).toMatchObject({ status: 'delivered', delivery: { secured: true } });
  for (const { messages } of lab.peers)
    expect(messages.filter(({ protection }) => protection === 'cleartext')).toEqual([]);
}

async function nextBy(
  whom: (pid: number) => boolean,
  next: () => ReturnType<Lab['outcome']>,
): ReturnType<Lab['outcome']> {
  for (;;) {
    const outcome = await next();
    if (outcome.status !== 'deferred' || whom(outcome.pid)) return outcome;
  }
}

/** As an operator would look: Haraka says nothing of it. */
async function writtenDown(install: string, what: string): Promise<void> {
  const file = path.join(install, 'mta-sts/rules.json');
  await expect
    .poll(() => existsSync(file) && readFileSync(file, 'utf8'), { timeout: 20_000 })
    .toContain(what);
}
