/** Writing a file of an install anew, so that Haraka can read it as it could before. */
import { lchownSync, mkdirSync, realpathSync, statSync } from 'node:fs';
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

/**
 * Makes `name` below `directory`, and the directory in between. What is new belongs to whom the directory above belongs, and
 * may be read by all: Haraka, which started as root, is another user when it reads it again.
 *
 * @throws CommandError where that cannot be done
 */
export async function createFile(directory: string, name: string, text: string): Promise<void> {
  const file = path.join(directory, name);
  try {
    const parent = path.dirname(file);
    const { uid, gid } = statSync(directory);
    // Whoever may write above it can have put a link in its place since: that is given away, and not what it leads to.
    if (mkdirSync(parent, { recursive: true, mode: 0o755 }) !== undefined && process.geteuid?.() === 0)
      lchownSync(parent, uid, gid);
    const above = statSync(parent);
    const owner = { uid: above.uid, gid: above.gid, name: `uid ${above.uid}, gid ${above.gid}` };
    await replaceIn(parent, path.basename(file), text, { owner, mode: 0o644 });
  } catch (error) {
    throw new CommandError(`${file} could not be written: ${messageOf(error)}`);
  }
}
