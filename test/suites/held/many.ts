/** A queue of a hundred thousand files, some of which come and go while it is read. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Told } from '../../../src/evidence/held_note';
import { createHeldWriter } from '../../../src/evidence/store/held_writer';
import { silent } from '../../../src/log';
import { presentOwner } from '../../../src/state/owner';
import { called, type HeldDocument } from './calls';

const files = 100_000;

const told: Told = {
  rule: 'ours.example [outbound]',
  level: 'mandatory',
  reply: '',
  reasons: [
    { host: 'mx.peer.example', reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' },
  ],
};

export async function manyFiles(print: (line: string) => void): Promise<void> {
  const place = mkdtempSync(path.join(tmpdir(), 'tls-peers-many-'));
  try {
    const queue = path.join(place, 'queue');
    for (const name of ['config', 'queue', 'evidence']) mkdirSync(path.join(place, name), { mode: 0o700 });
    writeFileSync(path.join(place, 'config/tls-peers.ini'), '');
    const [directory, owner] = [path.join(place, 'evidence'), presentOwner()];
    const writer = createHeldWriter({ directory, owner, queue, log: silent, now: () => new Date() });
    const names = Array.from({ length: files }, (_, at) => put(queue, at));
    const before = retained();
    let began = performance.now();
    for (const [at, name] of names.entries())
      writer.deferred(name, 1, { managed: 'ours.example', peer: `p${at % 1000}.example` }, told);
    print(`noting ${files} deferrals: ${Math.round(performance.now() - began)} ms in all`);
    began = performance.now();
    await writer.flush();
    const memory = Math.round((process.memoryUsage().heapUsed - before) / 1e6);
    print(
      `writing them, beside all else: ${Math.round(performance.now() - began)} ms; ${memory} MB of memory`,
    );
    began = performance.now();
    const all = called(place, 'held') as HeldDocument;
    print(`held --json: ${all.messages.length} messages in ${Math.round(performance.now() - began)} ms`);
    if (all.messages.length !== files) throw new Error(`should be ${files}`);
    await whileTheyGo(place, queue, names, print);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Octets of the heap after a collection. */
function retained(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Files are renamed and removed as Haraka does it, while the command looks at them. */
async function whileTheyGo(
  place: string,
  queue: string,
  names: string[],
  print: (line: string) => void,
): Promise<void> {
  let [renamed, removed, at] = [0, 0, 0];
  const busy = setInterval(() => {
    for (let times = 0; times < 200; times++, at++) {
      const name = names[at];
      if (name === undefined) return;
      if (at % 2 === 0) {
        renameSync(path.join(queue, name), path.join(queue, name.replace(/_(\d+)_host$/, '_7_host')));
        renamed += 1;
      } else {
        unlinkSync(path.join(queue, name));
        removed += 1;
      }
    }
  }, 5);
  const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
  const child = spawn(process.execPath, [cli, 'held', '-c', place, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(busy);
  const { messages, problems } = JSON.parse(text) as HeldDocument;
  // A directory that changes while it is read may leave out a name, where a file was just given another one.
  const [least, most] = [Math.floor((files - removed) * 0.9), files];
  print(`while ${renamed} were renamed and ${removed} removed: ${messages.length} messages`);
  if (messages.length < least || messages.length > most || problems.length > 0)
    throw new Error(`should be from ${least} to ${most}; ${problems.join('; ')}`);
}

function put(queue: string, at: number): string {
  const arrival = 1_700_000_000_000 + at;
  const name = `${arrival}_${Date.now() + 3_600_000}_1_${process.pid}_t${at}_1_host`;
  const todo = Buffer.from(
    `\n${JSON.stringify({
      queue_time: arrival,
      domain: `p${at % 1000}.example`,
      rcpt_to: [{ original: '<you@p.example>', user: 'you', host: 'p.example' }],
      mail_from: { original: '<me@ours.example>', user: 'me', host: 'ours.example' },
    })}\n`,
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(todo.length);
  writeFileSync(path.join(queue, name), Buffer.concat([length, todo, Buffer.from('Subject: x\r\n\r\n')]));
  return name;
}
