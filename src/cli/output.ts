/** What commands print. */

export interface Output {
  /** Results. */
  print(line: string): void;
  /** What is wrong with the call. */
  complain(line: string): void;
  /** What is going on, for somebody who waits for it. */
  progress(line: string): void;
  /** Whether results go to where colours are shown. */
  readonly colour: boolean;
  /** Columns of the terminal that results go to; `undefined` where a line is to be as long as its row. */
  readonly width: number | undefined;
}

/** The same output at another width; `undefined` for one row a line. */
export function atWidth(output: Output, width: number | undefined): Output {
  return {
    print: (line) => output.print(line),
    complain: (line) => output.complain(line),
    progress: (line) => output.progress(line),
    colour: output.colour,
    width,
  };
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

/** For `--json`: one document, indented. Octets are in hex. What a terminal could take for a command is escaped. */
export function json(value: unknown): string {
  const hex = (_: string, one: unknown) =>
    one instanceof Uint8Array ? Buffer.from(one).toString('hex') : one;
  return JSON.stringify(value, hex, 2).replace(/[\u007f-\u009f\p{Zl}\p{Zp}\p{Cf}]/gu, (char) =>
    char.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
