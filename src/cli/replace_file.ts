/** Writing a file of an install anew, so that Haraka can read it as it could before. */
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { replaceFile as replaceIn } from '../state/files';
import { messageOf } from '../text';
import { CommandError } from './command';

/**
 * A reader sees the old file or the new one. A link stays a link, and owner and mode stay as they are.
 *
 * @throws CommandError where that cannot be done; the file is then what it was
 */
export async function replaceFile(link: string, text: string): Promise<void> {
  const file = realpathSync(link);
  const { uid, gid, mode } = statSync(file);
  const owner = { uid, gid, name: `uid ${uid}, gid ${gid}` };
  try {
    await replaceIn(path.dirname(file), path.basename(file), text, { owner, mode: mode & 0o777 });
  } catch (error) {
    throw new CommandError(`${file} could not be written: ${messageOf(error)}`);
  }
}
