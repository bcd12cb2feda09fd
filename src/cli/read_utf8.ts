import { readFileSync } from 'node:fs';
import { messageOf } from '../text';
import { CommandError } from './command';

/**
 * The text of a file that is to be written anew, or copied into one.
 *
 * @param name for the message
 * @throws CommandError where it cannot be read, or is not UTF-8: decoded all the same, what it says would be lost
 */
export function readUtf8(file: string, name = file): string {
  const bytes = readBytes(file, name);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError(`${name} is not UTF-8: convert it first`);
  }
}

function readBytes(file: string, name: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(`${name}: ${messageOf(error)}`);
  }
}
