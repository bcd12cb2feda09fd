/** The built command as a child process that sees the lab's network, as the lab's Haraka does. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import type { Lab } from '../../haraka-test-harness/lab';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * Runs Node with `args` in the lab.
 *
 * @param node the one to run; this one where absent
 */
export function runIn(
  lab: Lab,
  args: readonly string[],
  node: string = process.execPath,
): Promise<{ code: number; out: string }> {
  const env = environmentOf(lab);
  return new Promise((resolve) => {
    execFile(node, args, { env, maxBuffer: 1e8 }, (error, out) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out });
    });
  });
}

/** With which a child process sees the lab's network. */
export function environmentOf(lab: Lab): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_OPTIONS: `--require ${JSON.stringify(path.join(root, 'haraka-test-harness/shim.cjs'))}`,
    NODE_EXTRA_CA_CERTS: lab.caFile,
    TLS_PEERS_LAB: JSON.stringify({
      routes: path.join(path.dirname(lab.caFile), 'routes.json'),
      dns: lab.dns.address,
    }),
  };
}

/** Runs `tls-peers` on the config directory of the lab's Haraka. */
export function callIn(lab: Lab, args: readonly string[], node?: string) {
  return runIn(lab, [path.join(root, 'dist/cli.cjs'), ...args, '-c', lab.haraka.directory], node);
}
