/** Report addresses stand apart from inbound TLS rules, they alone, within a message as well; whoever hands their mail over. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';

let lab: Lab | undefined;
afterEach(() => lab?.stop());

const stranger = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'accept');
};
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
exports.accept = (next) => next(OK);
`;

/** What each command is answered with, in cleartext. */
async function replies(port: number, commands: readonly string[]): Promise<string[]> {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('closed');
      if (/^\d{3} /.test(value)) return value;
    }
  };
  try {
    await reply();
    const found: string[] = [];
    for (const command of commands) {
      socket.write(`${command}\r\n`);
      found.push((await reply()).slice(0, 3));
    }
    return found;
  } finally {
    socket.destroy();
  }
}

it('a report comes in without TLS where nothing else does', async () => {
  lab = await startLab(
    { domains: {} },
    {
      plugins: ['tls-peers', 'stranger'],
      ownPlugins: { stranger },
      config: {
        'tls-peers.ini': '[inbound]\nsecurity_level = mandatory\n[tls_reports]\nreceive = TLS@ours.example\n',
        'tls-peers/ours.example.ini': 'status = enabled\n',
      },
    },
  );
  const found = await replies(lab.haraka.port, [
    'EHLO client.example',
    'MAIL FROM:<a@stranger.example>',
    'RCPT TO:<tls@Ours.Example>',
    'RCPT TO:<b@ours.example>',
    'RCPT TO:<tls@other.example>',
  ]);
  // No STARTTLS is offered here: that the others wait is our own fault.
  expect(found.slice(2)).toEqual(['250', '450', '450']);
}, 60_000);

it('mail to a report address is read, also when a client hands it over that may relay', async () => {
  lab = await startLab(
    { domains: { 'ours.example': {} } },
    {
      config: {
        'tls-peers.ini': '[tls_reports]\nreceive = tls@ours.example\n',
        'tls-peers/ours.example.ini': '[inbound]\n',
      },
    },
  );
  const sent = await lab.deliver({ from: 'a@stranger.example', to: 'tls@ours.example' });
  expect(sent.status).toBe('delivered');
  await lab.haraka.waitForLog(/mail to a report address does not count: it has no DKIM signature/);
}, 60_000);
