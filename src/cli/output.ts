/** What commands print. */
import { printable } from '../text';

export interface Output {
  /** Results. */
  print(line: string): void;
  /** What is wrong with the call. */
  complain(line: string): void;
  /** What is going on, for somebody who waits for it. */
  progress(line: string): void;
  /** Whether results go to a terminal that shows colours. */
  readonly colour: boolean;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

/** `text` in a style, where the output shows colours. */
export function paint(output: Output, style: Style, text: string): string {
  const [on, off] = codes[style];
  return output.colour ? `\u001b[${on}m${text}\u001b[${off}m` : text;
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/** Rows with their columns aligned by the longest text. The last column is not padded. */
export function table(output: Output, rows: readonly (readonly (string | Cell)[])[], indent = ''): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, { text }] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  return cells.map((row) => {
    const line = row.map((cell, column) => {
      const text = printable(cell.text, 1000);
      const padding =
        column === row.length - 1 ? '' : ' '.repeat(Math.max(0, (widths[column] ?? 0) - text.length));
      return (cell.style === undefined ? text : paint(output, cell.style, text)) + padding;
    });
    return indent + line.join('  ').trimEnd();
  });
}

/** What is to be known beside a result. */
export function warningLines(output: Output, warnings: readonly string[]): string[] {
  return warnings.map((warning) => `${paint(output, 'yellow', 'warning')}  ${warning}`);
}

/** For `--json`: one document, indented. Octets are in hex. */
export function json(value: unknown): string {
  const hex = (_: string, one: unknown) =>
    one instanceof Uint8Array ? Buffer.from(one).toString('hex') : one;
  return JSON.stringify(value, hex, 2);
}

/** The output of this process. Colours as NO_COLOR (https://no-color.org) and the terminal say. */
export function processOutput(): Output {
  return {
    print: (line) => void process.stdout.write(`${line}\n`),
    complain: (line) => void process.stderr.write(`${line}\n`),
    progress: (line) => {
      // In a file or a pipe it would be noise.
      if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
    },
    colour: process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  };
}
