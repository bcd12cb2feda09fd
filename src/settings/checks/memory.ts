/** What is kept of the files that there were, and cannot be read by whoever asks. Pure. */
import { isComplete } from '../load/remembered';
import { acceptRemoval, afterRemoval, fileOf } from '../load/lost';
import { run, type Fault } from '../schema/fault';
import type { FilesView, MemoryView } from './check';

/** A file that is taken away while others stay is meant to be gone; a start says so once, and what its mail is held to. */
export function removedDomains({ removed }: MemoryView, { settings, today }: FilesView): Fault[] {
  return removed.map((domain) => ({
    file: fileOf(domain),
    problem: afterRemoval(settings, domain, today),
    mend: run(acceptRemoval),
  }));
}

/** Whoever may not read what there was is told so: what seems in order may be held back. */
export function unreadableMemory({ found, own, kept }: MemoryView): Fault[] {
  // Where loading could not read it either, it has said so.
  if (isComplete(found) || own.kind === 'unknown' || kept.kind !== 'unknown') return [];
  const { file, problem } = kept;
  return [{ file, problem: `${problem}: whether files have vanished cannot be told` }];
}
