/** Asks an install what `tls-peers impact` and `tls-peers traffic` say, in this process. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { main } from '../../../src/cli/main';
import type { Impact, PeerImpact } from '../../../src/evidence/views/impact';

export interface ImpactDocument {
  readonly total: Impact;
  readonly peers: readonly PeerImpact[];
}

async function document(install: string, args: readonly string[]): Promise<unknown> {
  const out: string[] = [];
  const err: string[] = [];
  const output = {
    print: (line: string) => void out.push(line),
    complain: (line: string) => void err.push(line),
    progress: () => undefined,
    colour: false,
    width: undefined,
  };
  const code = await main([...args, '--json', '-c', install], { output, env: {}, now: new Date() });
  if (code > 1) throw new Error(`tls-peers ${args.join(' ')}: ${[...err, ...out].join('\n')}`);
  return JSON.parse(out.join('\n')) as unknown;
}

export async function impactSays(install: string, args: readonly string[]): Promise<ImpactDocument> {
  return (await document(install, ['impact', ...args])) as ImpactDocument;
}

/** Waits until the record holds so many messages and failures. */
export async function counted(install: string, wanted: number, direction: string): Promise<void> {
  let found = 0;
  for (let tries = 0; tries < 160; tries++) {
    const { total } = (await document(install, ['traffic', direction])) as {
      total: { messages: number; deferred: number; bounced: number; refused: number };
    };
    found = total.messages + total.deferred + total.bounced + total.refused;
    if (found >= wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`the record holds ${found} messages instead of ${wanted}`);
}

/** A copy of the install as it is now: what is sent afterwards is not in the record that is asked. */
export async function withCopy<T>(install: string, use: (copy: string) => Promise<T>): Promise<T> {
  const copy = await mkdtemp(path.join(tmpdir(), 'tls-peers-impact-'));
  try {
    for (const part of ['config', 'evidence'])
      await cp(path.join(install, part), path.join(copy, part), { recursive: true });
    return await use(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** An install beside `copy` whose record holds nothing but the mail of one managed domain. */
export async function aloneIn(copy: string, managed: string): Promise<string> {
  const alone = path.join(copy, `alone-${managed}`);
  await mkdir(path.join(alone, 'evidence'), { recursive: true, mode: 0o700 });
  await cp(path.join(copy, 'config'), path.join(alone, 'config'), { recursive: true });
  for (const name of await readdir(path.join(copy, 'evidence'))) {
    const text = await readFile(path.join(copy, 'evidence', name), 'utf8');
    const lines = text.split('\n').filter((line, at) => at === 0 || line.split('\t')[1] === managed);
    await writeFile(path.join(alone, 'evidence', name), `${lines.join('\n')}\n`, { mode: 0o600 });
  }
  return alone;
}
