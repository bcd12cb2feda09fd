/** Plugins that reach into a delivery itself: what was not decided is not connected to, and nothing leaks. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';

/**
 * Replaces methods of a delivery after the guard has put its own there. Which ones, the local part of the sender says, so
 * that one Haraka shows all of them.
 */
const meddler = (bodies: readonly string[]): string => `
exports.register = function () { this.register_hook('send_email', 'meddle', 50); };
exports.meddle = (next, hmail) => { meddlers[hmail.todo.mail_from.user](hmail); next(); };
const meddlers = {
  ${bodies
    .map(
      (body, index) => `m${index}(hmail) {
  const elsewhere = { exchange: 'mx.bare.example', priority: 0 };
  const { try_deliver, try_deliver_host_on_socket } = hmail;
  ${body}
  }`,
    )
    .join(',\n  ')}
};`;

const meddlers = {
  'answers get_mx itself': `hmail.get_mx_respond = () => hmail.found_mx([elsewhere]);`,
  'adds a host to the list': `
    let added = false;
    hmail.try_deliver = () => {
      if (!added) hmail.mxlist.unshift({ ...elsewhere, from_dns: 'mx.other.example', exchange: '127.0.0.1' });
      added = true;
      return try_deliver();
    };`,
  'renames the host on its way': `
    hmail.try_deliver_host_on_socket = (mx, ...rest) =>
      try_deliver_host_on_socket({ ...mx, from_dns: 'mx.other.example' }, ...rest);`,
  'speaks by itself': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      try_deliver_host_on_socket(mx, host, port, socket);
      socket.write('MAIL FROM:<a@ours.example>\\r\\n');
    };`,
  'speaks behind a command that is allowed': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      try_deliver_host_on_socket(mx, host, port, socket);
      socket.write('EHLO me\\r\\nMAIL FROM:<a@ours.example>\\r\\n');
    };`,
  'speaks while the handshake runs': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      let replies = 0;
      const { targetsocket } = socket;
      try_deliver_host_on_socket(mx, host, port, socket);
      targetsocket.on('data', () => {
        replies += 1;
        if (replies === 3) setImmediate(() => targetsocket.write('MAIL FROM:<a@ours.example>\\r\\n'));
      });
    };`,
  'hangs up with words': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      const { targetsocket } = socket;
      try_deliver_host_on_socket(mx, host, port, socket);
      targetsocket.end('MAIL FROM:<a@ours.example>\\r\\n');
    };`,
  'asks for TLS by itself': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      try_deliver_host_on_socket(mx, host, port, socket);
      socket.write('STARTTLS\\r\\n');
    };`,
  'lowers the version that the handshake asks for': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      const { upgrade } = socket;
      socket.upgrade = (options, done) =>
        upgrade({ ...options, secureContext: undefined, minVersion: 'TLSv1.2' }, done);
      try_deliver_host_on_socket(mx, host, port, socket);
    };`,
  'takes upgrade from the socket': `
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
      socket.upgrade = undefined;
      try_deliver_host_on_socket(mx, host, port, socket);
    };`,
  'loses the list of hosts': `
    hmail.try_deliver = () => { hmail.mxlist = undefined; return try_deliver(); };`,
  'skips the decision': `hmail.get_mx = () => hmail.try_deliver();`,
  'freezes the notes': `Object.freeze(hmail.notes);`,
} as const;

type Meddling = keyof typeof meddlers;

const table = [
  ['answers get_mx itself', 'sound.example', 'deferred', 'internal-error'],
  ['adds a host to the list', 'sound.example', 'delivered', 'internal-error'],
  ['renames the host on its way', 'sound.example', 'deferred', 'internal-error'],
  ['speaks by itself', 'sound.example', 'deferred', 'internal-error'],
  ['speaks behind a command that is allowed', 'sound.example', 'deferred', 'internal-error'],
  ['speaks while the handshake runs', 'sound.example', 'deferred', 'internal-error'],
  ['hangs up with words', 'sound.example', 'deferred', 'internal-error'],
  ['lowers the version that the handshake asks for', 'old.example', 'deferred', 'tls-version-too-low'],
  ['loses the list of hosts', 'sound.example', 'deferred', 'internal-error'],
  ['skips the decision', 'sound.example', 'deferred', 'internal-error'],
] as const;

const rules = `[outbound]
security_level = mandatory
[outbound old.example]
min_tls_version = 1.3
[outbound may-be-old.example]
security_level = opportunistic
min_tls_version = 1.3
[outbound may-be-old-too.example]
security_level = opportunistic
min_tls_version = 1.3
`;

let lab: Lab;

beforeAll(async () => {
  const old = { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] } as const;
  lab = await startLab(
    {
      domains: {
        'sound.example': {},
        'bare.example': { mx: [{ behaviour: 'no-starttls' }] },
        'old.example': old,
        'may-be-old.example': old,
        'may-be-old-too.example': old,
      },
    },
    {
      plugins: ['tls-peers', 'meddler'],
      ownPlugins: { meddler: meddler(Object.values(meddlers)) },
      config: { 'tls-peers/ours.example.ini': rules },
    },
  );
});
afterAll(() => lab.stop());

function message(name: Meddling, to: string): { from: string; to: string } {
  return { from: `m${Object.keys(meddlers).indexOf(name)}@ours.example`, to: `b@${to}` };
}

it.each(table)('a plugin that %s, mail to %s: %s, %s', async (name, to, status, reason) => {
  const outcome = await lab.deliver(message(name, to));
  expect(outcome.status).toBe(status);
  expect(outcome.summary?.['reasons']).toMatchObject([{ reason }]);
  for (const { cleartext } of lab.peers.flatMap((peer) => peer.connections)) {
    expect(cleartext).toMatch(/^(?:EHLO mail\.lab\.example\r\n|STARTTLS\r\n|QUIT\r\n)*$/);
  }
  expect(lab.peer('mx.bare.example').messages).toEqual([]);
});

it('a version that is lowered counts as broken TLS where cleartext is allowed', async () => {
  const name = 'lowers the version that the handshake asks for';
  const outcome = await lab.deliver(message(name, 'may-be-old.example'));
  expect(outcome).toMatchObject({
    status: 'delivered',
    delivery: { secured: false },
    summary: { recorded: [{ reason: 'tls-version-too-low' }] },
  });
});

it('a connection on which a plugin asks for TLS is not tried anew for ever', async () => {
  // Which of the two the peer hears first is up to the sockets.
  const outcome = await lab.deliver(message('asks for TLS by itself', 'may-be-old-too.example'));
  expect(['delivered', 'deferred']).toContain(outcome.status);
  expect(lab.peer('mx.may-be-old-too.example').connections.length).toBeLessThanOrEqual(2);
});

it("a plugin that takes Haraka's own way to TLS from the socket takes nothing from the delivery", async () => {
  const outcome = await lab.deliver(message('takes upgrade from the socket', 'sound.example'));
  expect(outcome).toMatchObject({ status: 'delivered', delivery: { secured: true } });
});

it('a plugin that freezes the notes loses them, and no message', async () => {
  const deferred = await lab.deliver(message('freezes the notes', 'bare.example'));
  expect(deferred).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.7.4' }] });
  expect((await lab.deliver(message('freezes the notes', 'sound.example'))).status).toBe('delivered');
  await lab.haraka.waitForLog(/the reason could not be noted/);
  await lab.haraka.waitForLog(/the summary of this message broke/);
});
