/** What commands print, in this process. */
import { printable } from '../text';
import { fitted } from './layout/paragraph';
import { columnsOf, coloursWanted } from './layout/terminal';
import { shortened } from './layout/width';
import { atWidth, type Output } from './output';

/** The output of this process. The width is that of the moment, for windows change. */
export function processOutput(): Output {
  const { stdout, stderr, env } = process;
  const output: Output = {
    print: (line) => void stdout.write(`${line}\n`),
    complain: (line) => {
      for (const one of fitted(atWidth(output, columnsOf(stderr, env)), line)) stderr.write(`${one}\n`);
    },
    progress: (line) => {
      // In a file or a pipe it would be noise.
      const width = columnsOf(stderr, env);
      if (width !== undefined) stderr.write(`${shortened(printable(line), width)}\n`);
    },
    colour: coloursWanted(stdout, env),
    get width() {
      return columnsOf(stdout, env);
    },
  };
  return output;
}
