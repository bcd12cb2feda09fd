/** The lines of config/plugins by which the suite can be loaded. */
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';

let lab: Lab | undefined;
afterEach(() => lab?.stop());

it.each([
  ['the whole suite', ['tls-peers']],
  ['its package name', ['haraka-plugin-tls-peers']],
  ['the outbound piece alone', ['tls-peers/outbound']],
  ['a piece beside the whole suite', ['tls-peers', 'tls-peers/outbound']],
])('is guarded once where config/plugins lists %s', async (_name, plugins) => {
  lab = await startLab(
    { domains: { 'bare.example': { mx: [{ behaviour: 'no-starttls' }] }, 'sound.example': {} } },
    {
      plugins,
      logLevel: 'debug',
      config: { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n' },
    },
  );
  const send = (to: string) => ({ from: 'a@ours.example', to: `b@${to}` });
  expect((await lab.deliver(send('bare.example'))).status).toBe('deferred');
  expect((await lab.deliver(send('sound.example'))).status).toBe('delivered');
  const registered = lab.haraka.logLines.filter((line) =>
    /registered hook send_email to tls-peers/.test(line),
  );
  expect(registered).toHaveLength(1);
  expect(lab.haraka.logLines.filter((line) => line.includes('tls-peers delivered'))).toHaveLength(1);
});
