/** Calls of the command, in this process. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { main } from '../../src/cli/main';

export interface Called {
  readonly code: number;
  readonly out: string[];
  readonly err: string[];
}

/** Runs `tls-peers` with `args` on 15 June 2026. @param width columns of the terminal; for a pipe where absent */
export async function call(
  args: readonly string[],
  env: Record<string, string> = {},
  width?: number,
): Promise<Called> {
  const out: string[] = [];
  const err: string[] = [];
  const output = {
    print: (line: string) => void out.push(line),
    complain: (line: string) => void err.push(line),
    progress: () => undefined,
    colour: false,
    width,
  };
  const code = await main(args, { output, env, now: new Date('2026-06-15T12:00:00Z') });
  return { code, out, err };
}

/** A config directory with these files; `remove` takes it away. */
export function configDirectory(files: Readonly<Record<string, string>>): {
  directory: string;
  remove: () => void;
} {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-cli-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), text);
  }
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
