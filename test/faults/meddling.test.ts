/** Plugins that reach into a delivery itself: what was not decided is not connected to, and nothing leaks. */
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';

/** Replaces a method of the delivery, after the guard has put its own there. */
const meddler = (body: string): string => `
exports.register = function () { this.register_hook('send_email', 'meddle', 50); };
exports.meddle = (next, hmail) => { meddle(hmail); next(); };
function meddle(hmail) {
  const elsewhere = { exchange: 'mx.bare.example', priority: 0 };
  const { try_deliver, try_deliver_host_on_socket } = hmail;
  ${body}
}`;

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
      try_deliver_host_on_socket(mx, host, port, socket);
      const { upgrade } = socket;
      socket.upgrade = (...options) => { upgrade(...options); socket.write('MAIL FROM:<a@ours.example>\\r\\n'); };
    };`,
} as const;

let lab: Lab | undefined;
afterEach(() => lab?.stop());

const table = [
  ['answers get_mx itself', 'deferred', 'internal-error'],
  ['adds a host to the list', 'delivered', 'internal-error'],
  ['renames the host on its way', 'deferred', 'internal-error'],
  ['speaks by itself', 'deferred', 'internal-error'],
  ['speaks behind a command that is allowed', 'deferred', 'internal-error'],
  ['speaks while the handshake runs', 'deferred', 'tls-handshake-failed'],
] as const;

it.each(table)('a plugin that %s: %s, %s', async (name, status, reason) => {
  const running = await startLab(
    { domains: { 'sound.example': {}, 'bare.example': { mx: [{ manner: 'no-starttls' }] } } },
    {
      plugins: ['tls-peers', 'meddler'],
      ownPlugins: { meddler: meddler(meddlers[name]) },
      config: { 'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = mandatory\n' },
    },
  );
  lab = running;
  const outcome = await running.deliver({ from: 'a@ours.example', to: 'b@sound.example' });
  expect(outcome.status).toBe(status);
  expect(outcome.summary?.['reasons']).toMatchObject([{ reason }]);
  for (const { cleartext } of running.peers.flatMap((peer) => peer.connections)) {
    expect(cleartext).toMatch(/^(?:EHLO mail\.lab\.example\r\n|STARTTLS\r\n|QUIT\r\n)*$/);
  }
  expect(running.peer('mx.bare.example').messages).toEqual([]);
});
