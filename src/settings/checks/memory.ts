/** What is kept of the files that there were, and cannot be read by whoever asks. Pure. */
import { isComplete } from '../load/remembered';
import type { Fault } from '../schema/fault';
import type { MemoryView } from './check';

/** Whoever may not read what there was is told so: what seems in order may be held back. */
export function unreadableMemory({ found, own, kept }: MemoryView): Fault[] {
  // Where loading could not read it either, it has said so.
  if (isComplete(found) || own.kind === 'unknown' || kept.kind !== 'unknown') return [];
  const { file, problem } = kept;
  return [{ file, problem: `${problem}: whether files have vanished cannot be told` }];
}
