/** Other plugins that answer RCPT, through a real Haraka that lists the pieces of the suite by themselves. */
import { expect, it } from 'vitest';
import { startLab } from '../../haraka-test-harness';
import { recipientReplies } from './support/client';

const plugin = (priority: number) => `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'accept', ${priority});
};
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
exports.accept = (next) => next(OK);
`;

const strict = { 'tls-peers/strict.example.ini': '[inbound]\nsecurity_level = mandatory\n' };

async function answerWith(priority: number): Promise<{ reply: string; warned: boolean }> {
  const lab = await startLab(
    { domains: {} },
    {
      plugins: ['eager', 'tls-peers/hosting', 'tls-peers/inbound', 'tls-peers'],
      ownPlugins: { eager: plugin(priority) },
      config: strict,
    },
  );
  try {
    const { port } = lab.haraka;
    const visit = { port, tls: 'none', from: 'a@peer.example', to: ['b@strict.example'] } as const;
    const [reply = ''] = await recipientReplies(visit);
    // The order is looked at while Haraka starts, before it takes mail.
    return { reply, warned: lab.haraka.logLines.some((line) => /eager runs before tls-peers at rcpt/.test(line)) };
  } finally {
    await lab.stop();
  }
}

it('a plugin that is listed first and accepts everybody does not get past the rule', async () => {
  expect(await answerWith(0)).toEqual({
    reply: '530 5.7.0 Must issue a STARTTLS command first',
    warned: false,
  });
});

it('one that puts itself before us does, and the log says so', async () => {
  expect(await answerWith(-200)).toMatchObject({ reply: expect.stringMatching(/^250 /), warned: true });
});
