/** The file with rules that a command reads or writes as a whole. */
import path from 'node:path';
import { canonicalDomain } from '../names';
import { domainOf } from '../settings/load/load';
import { fileOf } from '../settings/load/lost';
import { directorySource, globalFile } from '../settings/load/source';
import { CommandError } from './command';
import { readUtf8 } from './read_utf8';

export interface RulesFile {
  /** Relative to Haraka's config directory. */
  readonly name: string;
  readonly text: string;
  /** `new`: there is none yet. */
  readonly state: 'present' | 'new';
}

/** The file of a managed domain, however its name is written. @throws CommandError where there is none, or no UTF-8 */
export function managedFile(directory: string, domain: string): RulesFile {
  const name = nameOf(directory, domain);
  if (name === undefined) throw new CommandError(`${domain} is not managed: it has no file`);
  return present(directory, name);
}

/** The same, or the file that the domain would have. @throws CommandError where it is no domain, or no UTF-8 */
export function managedFileOrNew(directory: string, domain: string): RulesFile {
  const name = nameOf(directory, domain);
  if (name !== undefined) return present(directory, name);
  const canonical = canonicalDomain(domain);
  if (canonical === undefined) throw new CommandError(`${domain} is no domain name`);
  // An empty file is what a full disk leaves behind, and lint says so.
  return { name: fileOf(canonical), text: `; the peers of ${canonical}\n`, state: 'new' };
}

/** `tls-peers.ini`, which need not exist. @throws CommandError where it is no UTF-8, or cannot be read */
export function wholeGlobalFile(directory: string): RulesFile {
  const { kind } = directorySource(directory).read(globalFile);
  return kind === 'absent' ? { name: globalFile, text: '', state: 'new' } : present(directory, globalFile);
}

function nameOf(directory: string, domain: string): string | undefined {
  const canonical = canonicalDomain(domain);
  const listing = directorySource(directory).domainFiles();
  if (listing.kind === 'unreadable') throw new CommandError(listing.problem);
  return listing.names.find((one) => canonical !== undefined && domainOf(one) === canonical);
}

function present(directory: string, name: string): RulesFile {
  return { name, text: readUtf8(path.join(directory, name), name), state: 'present' };
}
