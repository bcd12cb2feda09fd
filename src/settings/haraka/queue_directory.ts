/** Where Haraka keeps its outbound queue. */
import path from 'node:path';
import type { ConfigFiles } from './config_files';

/**
 * As `outbound/queue` finds it: what `config/queue_dir` names, else `queue` in the install. A name that is relative is so to
 * where Haraka was started, which no file tells; the install is the best guess.
 *
 * @param install the directory of the Haraka install
 */
export function queueDirectory(files: ConfigFiles, install: string): string {
  const reading = files.read('queue_dir');
  const named = reading.kind === 'file' ? firstValue(reading.text) : undefined;
  return path.resolve(install, named ?? 'queue');
}

/** haraka-config takes the first line that is neither blank nor a comment. */
function firstValue(text: string): string | undefined {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .find((line) => line !== '' && !/^[;#]/.test(line));
}
