/** At which of Haraka's levels the outcome of a delivery is logged. */
import { expect, it } from 'vitest';
import { startLab } from '../../haraka-test-harness';

it.each([
  ['notice', '[delivery]\nlog_level = notice\n', true],
  ['info, left out', '', false],
] as const)('where Haraka logs at notice, [delivery] log_level = %s', async (_what, text, isLogged) => {
  const lab = await startLab(
    { domains: { 'peer.example': {} } },
    { logLevel: 'notice', config: { 'tls-peers.ini': text } },
  );
  try {
    const { status } = await lab.deliver({ from: 'me@ours.example', to: 'you@peer.example' });
    expect(status).toBe('delivered');
    // The report of the outcome comes after the line.
    expect(lab.haraka.logLines.some((line) => /\[NOTICE\].*tls-peers delivered/.test(line))).toBe(isLogged);
  } finally {
    await lab.stop();
  }
});
