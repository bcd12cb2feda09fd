/** Which install a call is about, and whose it is. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { ownerOfInstall } from '../settings/haraka/state_owner';
import { directorySource, domainDirectory, globalFile } from '../settings/load/source';
import type { Owner } from '../state/owner';
import { messageOf } from '../text';
import { CommandError } from './command';

/** What is found in Haraka's config directory, and hardly anywhere else: its own files, and those of this suite. */
const known = [
  globalFile,
  domainDirectory,
  'smtp.ini',
  'plugins',
  'outbound.ini',
  'connection.ini',
  'tls.ini',
  'host_list',
  'plugin_timeout',
];

/**
 * Haraka's config directory: `config` in `given`, or `given` itself.
 *
 * @throws CommandError where it is none. Shipped defaults would be taken for what an install says.
 */
export function configDirectory(given: string): string {
  const whole = path.resolve(given);
  if (!isDirectory(whole)) throw new CommandError(`${whole} is no directory`);
  const found = [path.join(whole, 'config'), whole].find(isHarakas);
  if (found !== undefined) return found;
  throw new CommandError(
    `${whole} is no Haraka install: neither it nor its config holds ${known.slice(0, 4).join(', ')} or the like; ` +
      'name the install with -c DIR or $HARAKA',
  );
}

/**
 * Whose files a command is to write, so that Haraka can use them.
 *
 * @param directory Haraka's config directory
 * @throws CommandError where smtp.ini names a user that is not known here
 */
export function ownerOfState(directory: string): Owner {
  try {
    return ownerOfInstall(path.dirname(directory), directorySource(directory));
  } catch (error) {
    throw new CommandError(messageOf(error));
  }
}

function isHarakas(directory: string): boolean {
  return isDirectory(directory) && known.some((name) => statOf(path.join(directory, name)) !== undefined);
}

function isDirectory(name: string): boolean {
  return statOf(name)?.isDirectory() ?? false;
}

/** @throws Error where nobody can tell: a directory that the caller may not enter is not one that holds nothing */
function statOf(name: string) {
  return statSync(name, { throwIfNoEntry: false });
}
