/** Debian's Postfix as a client, with a policy map. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startPostfixMaster } from '../../../haraka-test-harness/postfix_client';
import { submit } from '../../../haraka-test-harness/smtp_client';
import { answering, end, freePort, textOf } from '../wire/real/program';

export interface PostfixOptions {
  /** Becomes its own; nobody else's files are in it. */
  readonly directory: string;
  /** Address of a resolver at port 53. */
  readonly resolver: string;
  readonly caFile: string;
  /** Text of the table of smtp_tls_policy_maps. */
  readonly map: string;
}

export interface PostfixClient {
  /** Hands a message over, and resolves once it is sent, returned, or was kept back twice. */
  deliver(from: string, to: string): Promise<'sent' | 'kept' | 'bounced'>;
  readonly log: () => string;
  stop(): Promise<void>;
}

export async function startPostfixClient(options: PostfixOptions): Promise<PostfixClient> {
  const at = (...names: string[]): string => path.join(options.directory, ...names);
  const port = await freePort();
  await mkdir(at('etc'), { recursive: true });
  await writeFile(at('etc/tls_policy'), options.map);
  execFileSync('postmap', [`hash:${at('etc/tls_policy')}`]);
  const child = await startPostfixMaster({
    directory: options.directory,
    resolver: options.resolver,
    settings: {
      smtp_tls_security_level: 'may',
      smtp_tls_policy_maps: `hash:${at('etc/tls_policy')}`,
      smtp_tls_CAfile: options.caFile,
      smtp_tls_loglevel: '1',
      // It goes on without TLS only once a message has waited so long.
      minimal_backoff_time: '1s',
      maximal_backoff_time: '2s',
      queue_run_delay: '1s',
    },
    ports: new Map([[port, '']]),
    clients: '-',
  });
  const log = (): string => textOf(at('log'));
  try {
    await answering(port, at('log'));
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    deliver: async (from, to) => {
      const data = `From: <${from}>\r\nTo: <${to}>\r\nSubject: policy\r\n\r\nhello\r\n`;
      await submit({ port, from, to: [to], data, timeoutMs: 15_000 });
      return settled(log, to);
    },
    log,
    stop: () => end(child),
  };
}

/** The entries of the table as Postfix reads it: keys, and values with single blanks. */
export function entriesAsPostfixReads(file: string): string[] {
  execFileSync('postmap', [`hash:${file}`]);
  const listed = execFileSync('postmap', ['-s', `hash:${file}`], { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/[\s,]+/g, ' ').trim())
    .sort();
}

const keptTimes = 2;
const patienceMs = 60_000;

async function settled(log: () => string, to: string): Promise<'sent' | 'kept' | 'bounced'> {
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
