/** A real Redis for one test. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from '../../haraka-test-harness/program';

/** Valkey speaks the same; `REDIS_SERVER=valkey-server` runs the tests with it. */
const program = process.env['REDIS_SERVER'] ?? 'redis-server';

export const redisIsThere = spawnSync(program, ['--version']).status === 0;

export interface RedisServer {
  readonly port: number;
  /** One command, words separated by spaces; the raw reply. */
  ask(command: string): Promise<string>;
  /** How often clients called `command` so far. */
  calls(command: string): Promise<number>;
  /** Answers nothing from now on, with connections open. */
  freeze(): Promise<void>;
  /** Goes on after `freeze`. */
  thaw(): void;
  /** Ends at once; what it held is lost. */
  kill(): Promise<void>;
  /** After `kill`: another one at the same port, empty. */
  restart(options?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param options further words of the command line
 * @param at the port; a free one where absent
 */
export async function startRedis(options: readonly string[] = [], at?: number): Promise<RedisServer> {
  const port = at ?? (await freePort());
  let child = await spawnRedis(port, options);
  const ask: RedisServer['ask'] = (command) => askRedis(port, command);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  return {
    port,
    ask,
    calls: async (command) =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await ask('INFO commandstats'))?.[1] ?? 0),
    freeze: () => {
      child.kill('SIGSTOP');
      return Promise.resolve();
    },
    thaw: () => void child.kill('SIGCONT'),
    kill,
    restart: async (others = options) => {
      child = await spawnRedis(port, others);
    },
    stop: kill,
  };
}

async function spawnRedis(port: number, options: readonly string[]): Promise<ChildProcess> {
  const memory = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--port', `${port}`];
  const child = spawn(program, [...memory, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  for await (const chunk of child.stdout) {
    log += String(chunk);
    if (log.includes('Ready to accept connections')) break;
  }
  if (child.exitCode !== null) throw new Error(`${program} did not start: ${log}`);
  return child;
}

async function askRedis(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(`${command}\r\n`);
  let reply = '';
  for await (const chunk of socket) reply += String(chunk);
  return reply;
}
