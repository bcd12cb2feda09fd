/** The child that becomes Haraka's user: it answers in place of the call, and ends with it. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { obstacle, user } from '../suites/truth/install';

const program = path.resolve(import.meta.dirname, '../../dist/cli.cjs');

if (obstacle !== '') process.stderr.write(`SKIPPED: the child that becomes Haraka's user; ${obstacle}\n`);

/** `Z` until somebody asks how it ended, which is not this process. */
function stateOf(pid: string): string {
  try {
    return /^State:\s*(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return 'gone';
  }
}

describe.skipIf(obstacle !== '')('the child that answers as Haraka’s user', () => {
  const install = mkdtempSync(path.join(tmpdir(), 'tls-peers-user-'));
  /** Takes every question, and answers none. */
  const resolver = createSocket('udp4');

  beforeAll(async () => {
    resolver.bind(0, '127.0.0.1');
    await once(resolver, 'listening');
    const { port } = resolver.address();
    chmodSync(install, 0o755);
    mkdirSync(path.join(install, 'config'));
    const write = (name: string, text: string) => writeFileSync(path.join(install, 'config', name), text);
    write('smtp.ini', `user = ${user}\n`);
    write('tls-peers.ini', `[resolver]\nservers = 127.0.0.1:${port}\n`);
  });
  afterAll(() => {
    resolver.close();
    rmSync(install, { recursive: true, force: true });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const)(
    'ends where the call that it answers is ended by %s',
    async (signal) => {
      const asked = once(resolver, 'message');
      const call = spawn(process.execPath, [program, 'test', '-c', install, 'peer.example'], {
        stdio: 'ignore',
      });
      const ended = once(call, 'exit');
      await asked;
      const { pid = 0 } = call;
      const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      expect(child).toMatch(/^\d+$/);
      call.kill(signal);
      expect(await ended).toEqual([null, signal]);
      await expect.poll(() => stateOf(child), { timeout: 1_500 }).toMatch(/^(?:Z|gone)$/);
    },
  );
});
