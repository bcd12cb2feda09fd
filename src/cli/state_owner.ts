/** Whose files a command is to write, so that Haraka can use them. */
import { directorySource } from '../settings/load/source';
import { stateOwner } from '../settings/haraka/state_owner';
import type { Owner } from '../state/owner';
import { messageOf } from '../text';
import { CommandError } from './command';

/**
 * @param directory Haraka's config directory
 * @throws CommandError where smtp.ini names a user that is not known here
 */
export function ownerOfState(directory: string): Owner {
  try {
    return stateOwner(directorySource(directory));
  } catch (error) {
    throw new CommandError(messageOf(error));
  }
}
