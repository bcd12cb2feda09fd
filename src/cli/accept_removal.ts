/** `tls-peers lint --accept-removal`: files that vanished are meant to be gone. */
import { lstatSync } from 'node:fs';
import type { MemoryView } from '../settings/checks/check';
import { loadSettings, type Loaded } from '../settings/load/load';
import { fileOf } from '../settings/load/lost';
import { accepted, lostDomains, type Found } from '../settings/load/remembered';
import { directorySource, globalFile } from '../settings/load/source';
import { messageOf } from '../text';
import { CommandError, type Context } from './command';

/**
 * Writes down that what is gone is meant to be, for every Haraka that looks: one that runs, too.
 *
 * @returns what was gone, a line for each file
 * @throws CommandError where it cannot be written
 */
export async function acceptWhatIsGone({ directory, now }: Context): Promise<string[]> {
  const source = directorySource(directory, 'unknown');
  const { recollection, found, stateDirectory, removed } = loadSettings(source);
  const lost = [...whatIsLost(recollection, found), ...removed.map((domain) => `${fileOf(domain)} is gone`)];
  if (lost.length === 0) return [];
  const remembered = accepted(found, recollection, now.getTime());
  const directories = source.memory.directories(stateDirectory).filter(exists);
  for (const one of directories) {
    try {
      await asOwnerOf(one, () => source.memory.write(one, remembered));
    } catch (error) {
      throw new CommandError(`${messageOf(error)}: run this as root, or as the user that Haraka runs as`);
    }
  }
  return lost;
}

function whatIsLost(recollection: Loaded['recollection'], found: Found): string[] {
  if (recollection.kind === 'unknown') return [`whatever vanished: ${recollection.file} does not tell`];
  const { remembered } = recollection;
  const global = remembered.global === 'lost' ? [`${globalFile} is ${gone(found.global === 'absent')}`] : [];
  const domains = lostDomains(remembered).map(
    (domain) => `${fileOf(domain)} is ${gone(found.domains === 'unlisted' || !found.domains.has(domain))}`,
  );
  return [...global, ...domains];
}

function gone(absent: boolean): string {
  return absent ? 'gone' : 'empty';
}

function exists(directory: string): boolean {
  return lstatSync(directory, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Root writes as the user to whom the directory belongs: what that user cannot do by links, root does not do for them, and
 * the file is that user's.
 */
async function asOwnerOf(directory: string, task: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return task();
  const { uid, gid } = lstatSync(directory);
  const before = process.getegid?.() ?? 0;
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    await task();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(before);
  }
}

/** What is kept of the files that there were, as Haraka itself would have to be able to read it. */
export function memoryIn(
  directory: string,
  { found, recollection: own, stateDirectory, removed }: Loaded,
): MemoryView {
  return { found, own, kept: directorySource(directory, 'unknown').memory.read(stateDirectory), removed };
}
