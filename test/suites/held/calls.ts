/** The commands, as an operator would call them, and Haraka's own list of its queue beside them. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Lab } from '../../../haraka-test-harness';
import { harakaDirectory } from '../../../haraka-test-harness/haraka_directory';
import type { OtherwiseWaiting } from '../../../src/evidence/views/held';

const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');

export interface HeldDocument {
  readonly waiting: number;
  readonly otherwise: OtherwiseWaiting;
  readonly problems: readonly string[];
  readonly messages: readonly {
    readonly file: string;
    readonly reason: string;
    readonly sender: string;
    readonly domain: string;
    readonly since: string;
  }[];
}

export interface TrackDocument {
  readonly problems: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

export function called(directory: string, ...args: string[]): unknown {
  const all = [cli, ...args, '-c', directory, '--json'];
  const { stdout } = spawnSync(process.execPath, all, { encoding: 'utf8', maxBuffer: 1 << 30 });
  return JSON.parse(stdout);
}

export const heldIn = (lab: Lab): HeldDocument => called(lab.haraka.directory, 'held') as HeldDocument;
export const trackIn = (lab: Lab): TrackDocument => called(lab.haraka.directory, 'track') as TrackDocument;

export interface QueueLine {
  readonly file: string;
  readonly sender: string;
  readonly domain: string;
}

/** `haraka --qlist` */
export function queueOf(lab: Lab): QueueLine[] {
  const haraka = path.join(harakaDirectory(), 'bin/haraka');
  const { stdout } = spawnSync(process.execPath, [haraka, '-c', lab.haraka.directory, '--qlist'], {
    encoding: 'utf8',
  });
  return [...stdout.matchAll(/^Q: (\S+) rcpt:\d+ from:<(.*?)> domain:(\S+)$/gm)].map(
    ([, file = '', sender = '', domain = '']) => ({ file, sender, domain }),
  );
}

export async function until<T>(look: () => T | undefined, what: () => string, seconds = 60): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(what());
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
