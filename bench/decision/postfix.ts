/** postfix-mta-sts-resolver, the Debian package, with the lab's policy in its cache; and a socket with nothing behind it. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../haraka-test-harness/program';
import { peers } from './levels';

export type PostfixResolver =
  | { readonly kind: 'running'; readonly port: number; stop(): Promise<void> }
  | { readonly kind: 'missing'; readonly why: string };

const installedAt = '/usr/lib/python3/dist-packages/postfix_mta_sts_resolver';

/** @param cache `sqlite` is what the package is configured for, `internal` the fastest it has */
export async function openPostfixResolver(cache: 'sqlite' | 'internal'): Promise<PostfixResolver> {
  if (!existsSync(installedAt)) {
    const why =
      'NOT MEASURED: postfix-mta-sts-resolver is not installed (apt-get install postfix-mta-sts-resolver)';
    process.stderr.write(`${why}\n`);
    return { kind: 'missing', why };
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-bench-'));
  const port = await freePort();
  const config = path.join(directory, 'daemon.yml');
  const file = path.join(directory, 'cache.db');
  const options = cache === 'sqlite' ? `  options:\n    filename: ${file}\n` : '';
  writeFileSync(
    config,
    `host: 127.0.0.1\nport: ${port}\ncache_grace: 1000000\ncache:\n  type: ${cache}\n${options}`,
  );
  const script = fileURLToPath(new URL('postfix.py', import.meta.url));
  const daemon = spawn('/usr/bin/python3', [script, peers.sts, '-c', config, '-v', 'error'], {
    stdio: ['ignore', 'ignore', 2],
  });
  const stop = async (): Promise<void> => {
    await end(daemon);
    rmSync(directory, { recursive: true });
  };
  try {
    await listening(port, daemon);
    return { kind: 'running', port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Answers whatever is asked at once, in a process of its own. */
export async function startEcho(): Promise<{ readonly port: number; stop(): void }> {
  const child = fork(fileURLToPath(new URL('echo.mjs', import.meta.url)));
  const [port] = (await once(child, 'message')) as [number];
  return { port, stop: () => void child.kill() };
}

/** It says nothing when it is ready, so it is tried until it answers. */
async function listening(port: number, daemon: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const answered = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('postfix-mta-sts-resolver did not start within 10 s');
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = once(daemon, 'exit');
  // Asked politely it waits for its clients first.
  daemon.kill('SIGKILL');
  await gone;
}
