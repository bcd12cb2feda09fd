/** Both ends of a child process that is given one order and answers questions. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

interface ChildRole<Order, Reply> {
  readonly start: (order: Order) => Promise<Reply>;
  readonly answer: () => Reply;
}

type ToChild<Order, Question> = { readonly order: Order } | { readonly question: Question };

/** In the child: it ends with its parent. */
export function inChild<Order, Question, Reply>({ start, answer }: ChildRole<Order, Reply>): void {
  process.on('message', (message: ToChild<Order, Question>) => {
    if (!('order' in message)) {
      process.send?.({ reply: answer() });
      return;
    }
    void start(message.order).then(
      (reply) => process.send?.({ reply }),
      (error: unknown) => process.send?.({ fault: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}

export interface Child {
  readonly pid: number;
  /** @throws Error where the child fails or ends */
  ask<Reply>(question: string): Promise<Reply>;
  stop(): Promise<void>;
}

/** @returns the child, and what it replied to its order */
export async function startChild<Reply>(
  file: string,
  order: unknown,
): Promise<{ child: Child; reply: Reply }> {
  const running = fork(path.join(import.meta.dirname, file), { execArgv: ['--import', 'tsx'] });
  const killWithUs = (): void => void running.kill('SIGKILL');
  process.once('exit', killWithUs);
  const converse = async <R>(message: unknown): Promise<R> => {
    const over = new AbortController();
    const { signal } = over;
    try {
      running.send(message as object);
      const [received] = (await Promise.race([
        once(running, 'message', { signal }),
        once(running, 'exit', { signal }).then(() => [{ fault: 'it ended' }]),
      ])) as [{ reply: R } | { fault: string }];
      if ('fault' in received) throw new Error(`${file}: ${received.fault}`);
      return received.reply;
    } finally {
      over.abort();
    }
  };
  const child: Child = {
    pid: running.pid ?? 0,
    ask: (question) => converse({ question }),
    stop: async () => {
      process.removeListener('exit', killWithUs);
      if (running.exitCode !== null || running.signalCode !== null) return;
      const ended = once(running, 'exit');
      running.kill('SIGKILL');
      await ended;
    },
  };
  return { child, reply: await converse<Reply>({ order }) };
}
