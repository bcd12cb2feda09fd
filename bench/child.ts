/** A piece of a benchmark in a Node of its own: with an environment, a heap and a processor time that are its alone. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Further options for node. */
  readonly node?: readonly string[];
}

type Reply =
  { readonly kind: 'result'; readonly result: unknown } | { readonly kind: 'fault'; readonly text: string };

/**
 * Runs `file`, which calls `inChild`, and resolves with its result.
 *
 * @throws Error with the fault of the child
 */
export async function runChild<T>(file: string, order: unknown, options: ChildOptions = {}): Promise<T> {
  const child = fork(file, {
    execArgv: ['--import', 'tsx', ...(options.node ?? [])],
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  try {
    const ended = once(child, 'exit').then(([code]): never => {
      throw new Error(`${file} ended with ${String(code)} before it had a result`);
    });
    ended.catch(() => undefined);
    const replied = once(child, 'message') as Promise<[Reply]>;
    child.send({ order });
    const [reply] = await Promise.race([replied, ended]);
    if (reply.kind === 'fault') throw new Error(reply.text);
    return reply.result as T;
  } finally {
    process.removeListener('exit', killWithUs);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    }
  }
}

/** In the child: does the work and hands the result, plain data, to the parent. */
export function inChild(work: (order: never) => Promise<unknown>): void {
  process.once('message', (message: { order: unknown }) => {
    work(message.order as never).then(
      (result) => process.send?.({ kind: 'result', result } satisfies Reply),
      (error: unknown) =>
        process.send?.({ kind: 'fault', text: String((error as Error).stack ?? error) } satisfies Reply),
    );
  });
}
