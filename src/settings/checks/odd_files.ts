/** Files for managed domains that do not do what they are probably there for. */
import { fault, type Fault } from '../schema/fault';
import { domainOf } from '../load/load';
import type { SettingsSource } from '../load/source';

export function strayFiles(source: SettingsSource): Fault[] {
  const problem = 'is not read: its name does not end in .ini';
  return source.strayFiles().map((file) => fault({ file, line: 0, problem }));
}

/** A file without a word is valid, and is what remains where a disk was full or a copy failed. */
export function emptyFiles(source: SettingsSource): Fault[] {
  const listing = source.domainFiles();
  const names = listing.kind === 'files' ? listing.names : [];
  return names
    .filter((name) => domainOf(name) !== '' && isEmpty(source, name))
    .map((file) => {
      const problem = `is empty: ${domainOf(file)} has no rule of its own; a comment in it says that this is meant`;
      return fault({ file, line: 0, problem });
    });
}

function isEmpty(source: SettingsSource, name: string): boolean {
  const reading = source.read(name);
  return reading.kind === 'file' && reading.text.trim() === '';
}
