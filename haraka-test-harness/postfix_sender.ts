/** Debian's Postfix as a sender: it takes a message, and its log tells what became of it. */
import { startPostfixMaster } from './postfix_client';
import { answering, end, freePort, textOf } from './program';
import { submit } from './smtp_client';

export interface PostfixSenderOptions {
  /** Becomes its own; what is there already stays. */
  readonly directory: string;
  /** Address of a resolver at port 53. */
  readonly resolver: string;
  /** Of main.cf. */
  readonly settings: Readonly<Record<string, string>>;
  /** A message is kept for good once it was deferred so often. */
  readonly keptTimes: number;
}

export type PostfixFate = 'sent' | 'kept' | 'bounced';

export interface PostfixSender {
  /** Hands a message over, and resolves once it is sent, returned, or was deferred often enough. */
  deliver(from: string, to: string): Promise<PostfixFate>;
  readonly log: () => string;
  stop(): Promise<void>;
}

export async function startPostfixSender(options: PostfixSenderOptions): Promise<PostfixSender> {
  const port = await freePort();
  const child = await startPostfixMaster({
    directory: options.directory,
    resolver: options.resolver,
    settings: {
      smtp_tls_loglevel: '1',
      minimal_backoff_time: '1s',
      maximal_backoff_time: '2s',
      queue_run_delay: '1s',
      ...options.settings,
    },
    ports: new Map([[port, '']]),
    clients: '-',
  });
  const logFile = `${options.directory}/log`;
  const log = (): string => textOf(logFile);
  try {
    await answering(port, logFile);
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    deliver: async (from, to) => {
      const data = `From: <${from}>\r\nTo: <${to}>\r\nSubject: a message\r\n\r\nhello\r\n`;
      await submit({ port, from, to: [to], data, timeoutMs: 15_000 });
      return settled(log, to, options.keptTimes);
    },
    log,
    stop: () => end(child),
  };
}

const patienceMs = 60_000;

async function settled(log: () => string, to: string, keptTimes: number): Promise<PostfixFate> {
  const line = new RegExp(`to=<${to.replaceAll('.', '\\.')}>.* status=(sent|deferred|bounced)`, 'gi');
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const statuses = [...log().matchAll(line)].map(([, status = '']) => status.toLowerCase());
    if (statuses.includes('sent')) return 'sent';
    if (statuses.includes('bounced')) return 'bounced';
    if (statuses.length >= keptTimes) return 'kept';
    if (Date.now() > deadline) throw new Error(`nothing became of mail to ${to}:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
