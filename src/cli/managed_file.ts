/** The file of a managed domain that a command reads or writes as a whole. */
import path from 'node:path';
import { canonicalDomain } from '../names';
import { domainOf } from '../settings/load/load';
import { directorySource } from '../settings/load/source';
import { CommandError } from './command';
import { readUtf8 } from './read_utf8';

/** The file of a managed domain, however its name is written. @throws CommandError where there is none, or no UTF-8 */
export function managedFile(directory: string, domain: string): { name: string; text: string } {
  const source = directorySource(directory);
  const canonical = canonicalDomain(domain);
  const listing = source.domainFiles();
  if (listing.kind === 'unreadable') throw new CommandError(listing.problem);
  const name = listing.names.find((one) => canonical !== undefined && domainOf(one) === canonical);
  if (name === undefined) throw new CommandError(`${domain} is not managed: it has no file`);
  return { name, text: readUtf8(path.join(directory, name), name) };
}
