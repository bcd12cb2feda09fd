/** Files for managed domains that do not do what they are probably there for. */
import type { ConfigFiles } from '../haraka/config_files';
import { domainOf } from '../load/load';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';

export function strayFiles(source: FilesView['source']): Fault[] {
  const problem = 'is not read: its name does not end in .ini';
  return source.strayFiles().map((file) => ({ file, problem }));
}

/** A file without a word is valid, and is what remains where a disk was full or a copy failed. */
export function emptyFiles(source: FilesView['source']): Fault[] {
  const listing = source.domainFiles();
  const names = listing.kind === 'files' ? listing.names : [];
  return names.flatMap((file) => {
    const domain = domainOf(file);
    if (domain === undefined || !isEmpty(source, file)) return [];
    const problem = `is empty: ${domain} has no rule of its own; a comment in it says that this is meant`;
    return [{ file, problem }];
  });
}

function isEmpty(source: ConfigFiles, name: string): boolean {
  const reading = source.read(name);
  return reading.kind === 'file' && reading.text.trim() === '';
}
