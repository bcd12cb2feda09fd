/** Debian's Postfix as a client, with a policy map. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startPostfixSender, type PostfixSender } from '../../../haraka-test-harness/postfix_sender';

export interface PostfixOptions {
  /** Becomes its own; nobody else's files are in it. */
  readonly directory: string;
  /** Address of a resolver at port 53. */
  readonly resolver: string;
  readonly caFile: string;
  /** Text of the table of smtp_tls_policy_maps. */
  readonly map: string;
}

export async function startPostfixClient(options: PostfixOptions): Promise<PostfixSender> {
  const table = path.join(options.directory, 'etc/tls_policy');
  await mkdir(path.dirname(table), { recursive: true });
  await writeFile(table, options.map);
  execFileSync('postmap', [`hash:${table}`]);
  return startPostfixSender({
    directory: options.directory,
    resolver: options.resolver,
    settings: {
      smtp_tls_security_level: 'may',
      smtp_tls_policy_maps: `hash:${table}`,
      smtp_tls_CAfile: options.caFile,
    },
    // It goes on without TLS only once a message has waited so long.
    keptTimes: 2,
  });
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
