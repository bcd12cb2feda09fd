/**
 * Those who ask the page while mail goes out, in a process of their own: so many requests a minute of every kind, and slow
 * clients. Told by argv: base, token, requests a minute, slow clients. Ends with a line of JSON on SIGTERM.
 */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

const [, , base = '', token = '', perMinute = '0', slow = '0'] = process.argv;
const authorization = `Bearer ${token}`;
const paths = [
  'metrics',
  'api/v1/status',
  'api/v1/peers?managed=large.example&search=99',
  'api/v1/peers?managed=large.example&sort=failures',
  'api/v1/domains',
  'api/v1/overview',
  'api/v1/days?managed=large.example&direction=out&peer=peer-000010.example',
  'api/v1/held',
  '',
  // Without a credential, and to where nothing is.
  'api/v1/status?anonymous',
  'nothing',
];
const agent = new Agent({ keepAlive: true, maxSockets: 20 });
const statuses = new Map<string, number>();
let sent = 0;

function ask(): void {
  const path = paths[sent++ % paths.length] ?? '';
  const count = (what: string): void => void statuses.set(what, (statuses.get(what) ?? 0) + 1);
  const asked = request(
    base + path,
    { agent, headers: path.includes('anonymous') ? {} : { authorization } },
    (response) => {
      count(String(response.statusCode));
      response.resume();
    },
  );
  asked.once('error', () => count('error'));
  asked.end();
}

/** A few octets of a request now and then; or a large answer that is not read. */
function dawdle(number: number): Socket {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(() => sockets.push(dawdle(number)), 100));
  if (number % 2 === 0) {
    socket.write(`GET /tls-peers/ HTTP/1.1\r\nHost: localhost\r\n`);
    const timer = setInterval(() => socket.write('x: y\r\n'), 1_000);
    socket.once('close', () => clearInterval(timer));
  } else {
    socket.write(
      `GET /tls-peers/api/v1/peers?managed=large.example&format=csv HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n\r\n`,
    );
    socket.pause();
  }
  return socket;
}

const sockets = Array.from({ length: Number(slow) }, (_, number) => dawdle(number));
const begun = performance.now();
setInterval(() => {
  const due = ((performance.now() - begun) / 60_000) * Number(perMinute);
  while (sent < due) ask();
}, 10);
process.once('SIGTERM', () => {
  const minutes = (performance.now() - begun) / 60_000;
  process.stdout.write(
    `${JSON.stringify({ perMinute: Math.round(sent / minutes), statuses: Object.fromEntries(statuses) })}\n`,
    () => process.exit(0),
  );
});
