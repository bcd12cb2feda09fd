/** Both ends of a child process that is given one order and answers questions. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

interface ChildRole<Order, Started, Answer> {
  readonly start: (order: Order) => Promise<Started>;
  /** What it has to say whenever it is asked. */
  readonly answer: () => Answer;
}

type ToChild<Order> = { readonly order: Order } | 'ask';
type FromChild = { readonly reply: unknown } | { readonly fault: string };

/** In the child: it ends with its parent. */
export function inChild<Order, Started, Answer>({ start, answer }: ChildRole<Order, Started, Answer>): void {
  const say = (message: FromChild): void => void process.send?.(message);
  process.on('message', (message: ToChild<Order>) => {
    if (message === 'ask') say({ reply: answer() });
    else {
      void start(message.order).then(
        (reply) => say({ reply }),
        (error: unknown) => say({ fault: String(error) }),
      );
    }
  });
  process.on('disconnect', () => process.exit(0));
}

export interface Child<Started, Answer> {
  readonly started: Started;
  /** @throws Error where the child fails or ends */
  ask(): Promise<Answer>;
  stop(): Promise<void>;
}

/** @throws Error where it does not start */
export async function startChild<Started, Answer>(
  file: string,
  order: unknown,
): Promise<Child<Started, Answer>> {
  const running = fork(path.join(import.meta.dirname, file), { execArgv: ['--import', 'tsx'] });
  const killWithUs = (): void => void running.kill('SIGKILL');
  process.once('exit', killWithUs);
  const converse = async (message: ToChild<unknown>): Promise<unknown> => {
    const over = new AbortController();
    const { signal } = over;
    try {
      running.send(message);
      const [received] = (await Promise.race([
        once(running, 'message', { signal }),
        once(running, 'exit', { signal }).then(() => [{ fault: 'it ended' }]),
      ])) as [FromChild];
      if ('fault' in received) throw new Error(`${file}: ${received.fault}`);
      return received.reply;
    } finally {
      over.abort();
    }
  };
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killWithUs);
    if (running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  try {
    const started = (await converse({ order })) as Started;
    return { started, ask: async () => (await converse('ask')) as Answer, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
