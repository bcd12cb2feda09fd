/** Haraka's processes: workers, a graceful reload, and every way to end with sessions that wait. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PeerConnection } from '../../../haraka-test-harness/smtp_peer';
import type { Scenario, Stage } from './scenario';
import { gone, left, tls } from './words';

const mandatory = { security_level: 'mandatory' };

/** No session is used by two processes. */
async function ofOneProcess(stage: Stage): Promise<void> {
  const processes = new Map((await stage.outcomes()).map(({ id, pid }) => [id, pid]));
  const both = (session: PeerConnection): boolean =>
    new Set(session.messages.map(({ id }) => processes.get(id))).size > 1;
  if (stage.host.connections.some(both)) throw new Error('a session was used by two processes');
  if (new Set(processes.values()).size < 2) throw new Error('one process did it all');
}

/** Haraka removes the file of a message some time after it has told of its delivery. */
async function queueIsEmpty({ lab }: Stage): Promise<void> {
  const queue = path.join(lab.haraka.directory, 'queue');
  const until = AbortSignal.timeout(10_000);
  while ((await readdir(queue)).length > 0) {
    until.throwIfAborted();
    await nextTurn();
  }
}

/** As `haraka --graceful` asks for it. */
async function reload({ lab, host }: Stage): Promise<void> {
  const from = lab.haraka.logLines.length;
  const socket = connect({ host: '127.0.0.1', port: lab.haraka.port });
  socket.end('INTERNALCMD gracefulRestart\r\nQUIT\r\n').resume();
  await once(socket, 'close');
  await host.settled();
  await lab.haraka.waitForLog(/Reload complete/, { from, timeoutMs: 30_000 });
}

const manyMessages = Array.from({ length: 20 }, () => (stage: Stage) => stage.send('a'));

export const processScenarios: readonly Scenario[] = [
  {
    name: 'each worker keeps sessions of its own',
    haraka: 'workers',
    rules: { a: mandatory },
    steps: [...manyMessages, ofOneProcess],
    sessions: 'any',
  },
  {
    name: 'a graceful reload ends the sessions that wait, and mail goes on',
    haraka: 'workers',
    rules: { a: mandatory },
    steps: [
      ...manyMessages,
      (stage) => stage.outcomes(),
      reload,
      (stage) => {
        const odd = stage.sessions().filter((session) => !session.endsWith(' QUIT'));
        if (odd.length > 0) throw new Error(`sessions ended without QUIT: ${odd.join('; ')}`);
      },
      ...manyMessages,
      (stage) => stage.outcomes(),
    ],
    sessions: 'any',
  },
  ...(['SIGTERM', 'SIGINT', 'SIGKILL'] as const).map((signal): Scenario => ({
    name: `Haraka ends by ${signal} while a session waits: nothing is lost or doubled`,
    haraka: 'restarted',
    rules: { a: mandatory },
    steps: ['a', 'a', queueIsEmpty, ({ lab }) => lab.haraka.restart(signal), 'a', 'a'],
    sessions: [gone(tls(1, 2)), left(tls(3)), tls(4)],
  })),
  {
    name: 'Haraka is killed while a message begins in a session that waited: it arrives once',
    haraka: 'restarted',
    rules: { a: mandatory },
    host: { behaviour: { again: { mail: { do: 'silence' } } } },
    steps: [
      'a',
      queueIsEmpty,
      (stage) => stage.send('a'),
      ({ host }) => host.until((peer) => /MAIL[^]*MAIL/.test(peer.connections.at(-1)?.encrypted ?? '')),
      ({ lab }) => lab.haraka.restart('SIGKILL'),
    ],
    sessions: [gone(tls(1, 'MAIL')), left(tls(2))],
  },
  {
    name: 'Haraka is killed while messages wait for a connection: each arrives once',
    haraka: 'narrow',
    rules: { a: mandatory },
    host: { behaviour: { again: { mail: { do: 'silence' } } } },
    steps: [
      'a',
      queueIsEmpty,
      ...Array.from({ length: 3 }, () => (stage: Stage) => stage.send('a')),
      ({ host }) => host.until((peer) => /MAIL[^]*MAIL/.test(peer.connections[1]?.encrypted ?? '')),
      ({ host }) => host.setBehaviour('normal'),
      ({ lab }) => lab.haraka.restart('SIGKILL'),
      (stage) => stage.outcomes(),
    ],
    sessions: 'any',
  },
  {
    name: 'a graceful shutdown takes leave of the sessions that wait',
    haraka: 'graceful',
    rules: { a: mandatory },
    steps: ['a', 'a', queueIsEmpty, ({ lab }) => lab.haraka.restart('SIGINT'), 'a', 'a'],
    sessions: [left(tls(1, 2)), left(tls(3)), tls(4)],
  },
];
