/**
 * Debian's Postfix at security level `dane`. The resolver of the benchmark has port 53 on an address of its own; everything else is
 * as for every other subject: the sinks have port 25.
 */
import { execFile, type ChildProcess } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../haraka-test-harness/program';
import { postfixClientMissing, startPostfixMaster } from '../../haraka-test-harness/postfix_client';
import { inject, tell } from './injector';
import { processorMsOf } from './processor';
import { connections, type Subject } from './subject';
import type { Surroundings } from './surroundings';

const run = promisify(execFile);

export interface PostfixKind {
  readonly software: 'postfix';
  /** `smtp_tls_connection_reuse` */
  readonly reuse: 'yes' | 'no';
}

/** What keeps it from being measured here; empty where nothing does. */
export function postfixMissing({ ports }: Pick<Surroundings, 'ports'>): string {
  const missing = postfixClientMissing();
  if (missing !== '' || ports === 'usual') return missing;
  return 'Postfix finds neither resolver nor sinks: ports 53 and 25 are not to be had';
}

/** @param concurrency deliveries at a time, as many processes of smtp(8) */
export async function startPostfixSubject(
  surroundings: Surroundings,
  name: string,
  { reuse }: PostfixKind,
  concurrency: number,
): Promise<Subject> {
  const at = (...names: string[]): string => path.join(surroundings.directory, name, ...names);
  const [port, holding] = [await freePort(), await freePort()];
  await chmod(surroundings.directory, 0o755);
  const child = await startPostfixMaster({
    directory: at('.'),
    resolver: surroundings.dns.address,
    settings: {
      smtp_tls_security_level: 'dane',
      smtp_tls_connection_reuse: reuse,
      // Mail is not to be slowed down because it comes faster than it leaves: that would be measured.
      in_flow_delay: '0',
      // What waits is to wait until it is told to go.
      queue_run_delay: '1h',
    },
    ports: new Map([
      [port, ''],
      [holding, '-o smtpd_client_restrictions=check_client_access,static:HOLD'],
    ]),
    clients: String(concurrency),
  });
  try {
    await Promise.all([port, holding].map((one) => answering(one, child, at('log'))));
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    take: (letters) => inject(port, letters, connections),
    hold: async (letters) => {
      await inject(holding, letters, connections);
      // Into the deferred queue, as mail that waits for its next attempt.
      await run('postsuper', ['-c', at('etc'), '-H', 'ALL']);
    },
    release: async () => {
      await run('postqueue', ['-c', at('etc'), '-f']);
    },
    waits: () => Promise.resolve([]),
    processorMs: () => processorMsOf(child.pid ?? 0),
    stop: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** Tries until it greets. @throws Error with its log where it does not */
async function answering(port: number, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      await tell(port, 'NOOP');
      return;
    } catch {
      if (child.exitCode !== null || performance.now() > deadline) {
        const log = await readFile(logFile, 'utf8').catch(() => '');
        throw new Error(`Postfix does not answer on port ${port}:\n${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
