/** Files that change under a running Haraka: the next message goes by the new rule, or by the last good one. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(
    { domains: { 'plain.example': { mx: [{ behaviour: 'no-starttls' }] } } },
    { config: { 'tls-peers/broken.example.ini': '[outbound]\nsecurity_level = stong\n' } },
  );
}, 60_000);

afterAll(() => lab.stop());

const file = 'tls-peers/ours.example.ini';
const mandatory = '[outbound plain.example]\nsecurity_level = mandatory\n';

/** What comes of a message to a peer that offers no TLS. */
async function fate(sender = 'ours.example'): Promise<string> {
  const outcome = await lab.deliver({ from: `me@${sender}`, to: 'you@plain.example' });
  return outcome.status;
}

/** Makes a change and waits until Haraka says that it has taken it in, ten seconds at most. */
async function change(what: () => unknown, said: RegExp): Promise<void> {
  const from = lab.haraka.logLines.length;
  await what();
  await lab.haraka.waitForLog(said, { timeoutMs: 10_000, from });
}

const write = (text: string) => () => lab.haraka.writeConfig(file, text);

test('a file that appears, changes, breaks, is mended and goes', async () => {
  expect(await fate()).toBe('delivered');

  await change(write(mandatory), /ours\.example: managed, enabled, 1 peer/);
  expect(await fate()).toBe('deferred');

  await change(write(mandatory.replace('mandatory', 'may')), /security_level: mandatory -> opportunistic/);
  expect(await fate()).toBe('delivered');

  await change(write(mandatory), /security_level: opportunistic -> mandatory/);
  await change(
    write('[outbound plain.example]\nsecurity_level = mya\n'),
    /ours\.example\.ini:2: .*did you mean may\?/,
  );
  expect(await fate()).toBe('deferred');

  await change(
    write('[outbound plain.example]\nsecurity_level = may\n'),
    /security_level: mandatory -> opportunistic/,
  );
  expect(await fate()).toBe('delivered');

  await change(write(mandatory), /security_level: opportunistic -> mandatory/);
  const remove = () => rmSync(path.join(lab.haraka.directory, 'config', file));
  // Another file of a managed domain stays: this one is meant to go.
  await change(remove, /ours\.example: no longer managed/);
  expect(await fate()).toBe('delivered');
}, 120_000);

test('the global file is followed too, and keeps its last good meaning', async () => {
  const resolver = `[resolver]\nservers = ${lab.dns.address}\n`;
  const put = (text: string) => () => lab.haraka.writeConfig('tls-peers.ini', resolver + text);
  await change(
    put('[outbound]\nsecurity_level = mandatory\n'),
    /tls-peers\.ini \[outbound\]: security_level: .*-> mandatory/,
  );
  expect(await fate('stranger.example')).toBe('deferred');
  await change(
    put('[outbound]\nsecurity_level = mandatroy\n'),
    /tls-peers\.ini:4: .*did you mean mandatory\?/,
  );
  expect(await fate('stranger.example')).toBe('deferred');
  await change(put('[outbound]\nsecurity_level = may\n'), /security_level: mandatory -> opportunistic/);
  expect(await fate('stranger.example')).toBe('delivered');
}, 60_000);

test('a file that was never valid holds back the mail of its domain alone, and says why', async () => {
  const outcome = await lab.deliver({ from: 'me@broken.example', to: 'you@plain.example' });
  expect(outcome.status).toBe('deferred');
  expect(outcome.error).toMatch(/config-invalid/);
  expect(await fate('other.example')).toBe('delivered');
});
