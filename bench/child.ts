/** A piece of a benchmark in a Node of its own: with an environment, a heap and a processor time that are its alone. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Further options for node. */
  readonly node?: readonly string[];
}

/** A child that stays until it is stopped. */
export interface Helper<Ready> {
  /** What it said when it was ready. */
  readonly ready: Ready;
  stop(): Promise<void>;
}

type Reply =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'fault'; readonly text: string }
  /** What a helper tells once it is ready. */
  | { readonly kind: 'news'; readonly news: unknown };

/** Below node_modules, so that what stays outside of the bundle is found. */
const built = path.resolve(import.meta.dirname, '../node_modules/.cache/tls-peers-bench');
/** CommonJS within the bundle asks for Node's own modules this way. */
const requireWithin =
  "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);";
let compiled = 0;

/**
 * Compiles `file` as the plugin itself is compiled. A loader that compiles on the way adds to every function what makes it
 * twice as slow.
 */
async function compile(file: string): Promise<string> {
  compiled += 1;
  const outfile = path.join(built, `${path.basename(file, '.ts')}.${process.pid}.${compiled}.mjs`);
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['mx-connect', 'mailauth'],
    banner: { js: requireWithin },
    logLevel: 'warning',
  });
  return outfile;
}

/**
 * Runs `file`, which calls `inChild`, and resolves with its result.
 *
 * @throws Error with the fault of the child
 */
export async function runChild<T>(file: string, order: unknown, options: ChildOptions = {}): Promise<T> {
  const helper = await startHelper<T>(file, order, () => undefined, options);
  await helper.stop();
  return helper.ready;
}

/**
 * Runs `file`, which calls `inChild`, and leaves it running once it has a result.
 *
 * @param onNews what it tells from then on
 * @throws Error with the fault of the child
 */
export async function startHelper<Ready>(
  file: string,
  order: unknown,
  onNews: (news: never) => void,
  options: ChildOptions = {},
): Promise<Helper<Ready>> {
  const script = await compile(file);
  const child = fork(script, {
    execArgv: [...(options.node ?? [])],
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killWithUs);
    await end(child);
  };
  try {
    const ended = once(child, 'exit').then(([code]): never => {
      throw new Error(`${file} ended with ${String(code)} before it had a result`);
    });
    ended.catch(() => undefined);
    const replied = once(child, 'message') as Promise<[Reply]>;
    child.send({ order });
    const [reply] = await Promise.race([replied, ended]);
    if (reply.kind === 'fault') throw new Error(reply.text);
    if (reply.kind === 'news') throw new Error(`${file} had news before it was ready`);
    child.on('message', (message: Reply) => {
      if (message.kind === 'news') onNews(message.news as never);
    });
    return { ready: reply.result as Ready, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    rmSync(script);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill();
  await gone;
}

/** In the child: does the work and hands the result, plain data, to the parent. */
export function inChild(work: (order: never) => Promise<unknown>): void {
  // Whoever gave the order is gone.
  process.once('disconnect', () => process.exit(0));
  process.once('message', (message: { order: unknown }) => {
    work(message.order as never).then(
      (result) => process.send?.({ kind: 'result', result } satisfies Reply),
      (error: unknown) =>
        process.send?.({ kind: 'fault', text: String((error as Error).stack ?? error) } satisfies Reply),
    );
  });
}

/** In a child that stays: tells the parent, as long as there is one. */
export function tellParent(news: unknown): void {
  if (process.connected) process.send?.({ kind: 'news', news } satisfies Reply);
}
