/** Workers that are killed while they write the record, and mail that flows meanwhile. */
import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, readlinkSync, watch } from 'node:fs';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import { submit } from '../../../haraka-test-harness/smtp_client';

const times = 50;
const workers = 4;
const peer = 'peer.example';

/** The slowest of all: a worker writes five seconds after it has counted something, or later. */
const patience = 30_000;

export async function killWorkers(print: (line: string) => void): Promise<boolean> {
  const lab = await startLab({ domains: { [peer]: {} } }, { workers, retryIntervals: '5s*12' });
  try {
    const taken = new Set<string>();
    let goesOn = true;
    const senders = Array.from({ length: workers }).map(async () => {
      while (goesOn) await sendOne(lab, taken);
    });
    let whileWriting = 0;
    for (let time = 1; time <= times; time++) {
      if ((await killOne(lab)) === 'while_writing') whileWriting += 1;
      if (time % 10 === 0) print(`killed ${time} workers, ${whileWriting} of them while they wrote`);
    }
    goesOn = false;
    await Promise.all(senders);
    let arrived = await arrivals(lab, taken);
    const isThere = (id: string): boolean => arrived.has(id);
    const left = [...taken].filter((id) => !isThere(id)).length;
    if (left > 0) {
      // The worker that was to take over the queue of another was killed in its turn: Haraka looks again when it starts.
      await lab.haraka.restart('SIGTERM');
      arrived = await arrivals(lab, taken);
    }
    const missing = [...taken].filter((id) => !isThere(id));
    const all = [...arrived.values()].reduce((sum, count) => sum + count, 0);
    print(
      `${taken.size} messages were taken, ${missing.length} are missing, ${all - arrived.size} came twice`,
    );
    const { counted, problems } = recorded(lab);
    const other = problems.filter((problem) => !problem.endsWith('damaged line is left out'));
    print(`${counted} of ${all} are in the record; ${problems.length} half lines`);
    for (const problem of other) print(problem);
    return missing.length === 0 && other.length === 0 && counted > 0 && counted <= all && whileWriting > 0;
  } finally {
    await lab.stop();
  }
}

/** What Haraka did not take, it owes nobody. */
async function sendOne(lab: Lab, taken: Set<string>): Promise<void> {
  const id = randomUUID();
  const data = `From: <me@ours.example>\r\nSubject: ${id}\r\n\r\nHello.\r\n`;
  try {
    const { port } = lab.haraka;
    await submit({ port, from: 'me@ours.example', to: [`you@${peer}`], data, timeoutMs: 3_000 });
    taken.add(id);
  } catch {
    // The worker was killed, and another has not taken its place yet. A connection that was on its way to it hangs.
    await waitFor(20);
  }
}

/** The worker that has a file of the record open as the directory changes; where it was quicker than we are, another. */
async function killOne(lab: Lab): Promise<'while_writing' | 'at_any_time'> {
  await until(() => workersOf(lab).length >= workers);
  const directory = path.join(lab.haraka.directory, 'evidence');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const watcher = watch(directory);
  try {
    await Promise.race([once(watcher, 'change'), waitFor(patience)]);
    const running = workersOf(lab);
    const writer = running.find((pid) => opened(pid).some((file) => file.startsWith(directory)));
    const victim = writer ?? running[Math.floor(Math.random() * running.length)] ?? 0;
    process.kill(victim, 'SIGKILL');
    await until(() => !workersOf(lab).includes(victim));
    return writer === undefined ? 'at_any_time' : 'while_writing';
  } finally {
    watcher.close();
  }
}

function workersOf(lab: Lab): number[] {
  const { pid } = lab.haraka;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

function opened(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    // It closed one meanwhile, or is gone.
    return [];
  }
}

/** How often each came. Haraka takes the queue of a worker that died over, and tries again what it cannot know to have gone. */
async function arrivals(lab: Lab, taken: ReadonlySet<string>): Promise<Map<string, number>> {
  const arrived = new Map<string, number>();
  const look = (): boolean => {
    arrived.clear();
    for (const { data } of lab.peer(`mx.${peer}`).messages) {
      const [, id = ''] = /^Subject: (\S+)/m.exec(data) ?? [];
      arrived.set(id, (arrived.get(id) ?? 0) + 1);
    }
    return [...taken].every((id) => arrived.has(id));
  };
  await until(look).catch(() => undefined);
  return arrived;
}

function recorded(lab: Lab): { counted: number; problems: readonly string[] } {
  const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
  const text = execFileSync(process.execPath, [cli, 'traffic', '-c', lab.haraka.directory, '--json'], {
    encoding: 'utf8',
  });
  const { total, problems } = JSON.parse(text) as {
    total: { messages: number };
    problems: readonly string[];
  };
  return { counted: total.messages, problems };
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + patience;
  while (Date.now() < end) {
    if (holds()) return;
    await waitFor(20);
  }
  throw new Error('what was waited for did not come');
}

function waitFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
