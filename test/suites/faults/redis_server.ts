/** A real Redis for one test. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from '../../../haraka-test-harness/program';

export const redisIsThere = spawnSync('redis-server', ['--version']).status === 0;

export interface RedisServer {
  readonly port: number;
  /** One command, words separated by spaces; the raw reply. */
  ask(command: string): Promise<string>;
  /** How often clients called `command` so far. */
  calls(command: string): Promise<number>;
  /** Answers nothing from now on, with connections open. */
  freeze(): Promise<void>;
  stop(): Promise<void>;
}

/** @param options further words of the command line */
export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const port = await freePort();
  const memory = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--port', `${port}`];
  const child = spawn('redis-server', [...memory, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let log = '';
  for await (const chunk of child.stdout) {
    log += String(chunk);
    if (log.includes('Ready to accept connections')) break;
  }
  if (child.exitCode !== null) throw new Error(`redis-server did not start: ${log}`);
  const ask: RedisServer['ask'] = (command) => askRedis(port, command);
  return {
    port,
    ask,
    calls: async (command) =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await ask('INFO commandstats'))?.[1] ?? 0),
    freeze: () => {
      child.kill('SIGSTOP');
      return Promise.resolve();
    },
    stop: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

async function askRedis(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(`${command}\r\n`);
  let reply = '';
  for await (const chunk of socket) reply += String(chunk);
  return reply;
}
