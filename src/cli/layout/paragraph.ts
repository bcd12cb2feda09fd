/** Text for people, broken where the terminal ends. For a file or a pipe it stays one line. Pure. */
import { printable } from '../../text';
import { paint, type Cell, type Output } from '../output';
import { displayWidth, pieces } from './width';

export interface Place {
  /** Columns before the first line. */
  readonly indent?: number;
  /** Columns before each further line; as `indent` where absent. */
  readonly hanging?: number;
}

/** What one cell may hold. It bounds what others can have printed here. */
export const longestText = 4000;

/** What came from others cannot move the cursor, change colours or end the line. */
export function clean(text: string): string {
  return printable(text, longestText);
}

export function cellOf(cell: string | Cell): Cell {
  const { text, style } = typeof cell === 'string' ? { text: cell } : cell;
  return style === undefined ? { text: clean(text) } : { text: clean(text), style };
}

/** Cells one behind the other, with a blank between them. Empty ones are left out. */
export function paragraph(
  output: Output,
  cells: readonly (string | Cell)[],
  { indent = 0, hanging = indent }: Place = {},
): string[] {
  const whole = cells.map(cellOf).filter(({ text }) => text !== '');
  if (output.width === undefined) {
    return [' '.repeat(indent) + whole.map((cell) => painted(output, cell)).join(' ')];
  }
  const lines = filled(whole, { first: output.width - indent, further: output.width - hanging });
  return lines.map((words, at) => ' '.repeat(at === 0 ? indent : hanging) + joined(output, words));
}

/** A line as it is where it fits, for the blanks between its parts are meant; otherwise broken, and further lines indented. */
export function fitted(output: Output, line: string): string[] {
  const whole = clean(line);
  if (output.width === undefined || displayWidth(whole) <= output.width) return [whole];
  const indent = whole.search(/\S|$/);
  return paragraph(output, [whole], { indent, hanging: indent + 2 });
}

/** Words that are not broken any more, line by line. */
function filled(cells: readonly Cell[], { first, further }: { first: number; further: number }): Cell[][] {
  const lines: Cell[][] = [[]];
  let left = first;
  for (const { text, style } of cells) {
    for (const word of text.split(/ +/).filter((one) => one !== '')) {
      for (const piece of pieces(word, Math.max(2, further))) {
        const line = lines.at(-1) ?? [];
        const width = displayWidth(piece) + (line.length === 0 ? 0 : 1);
        const cell = style === undefined ? { text: piece } : { text: piece, style };
        if (width <= left) {
          line.push(cell);
          left -= width;
        } else {
          lines.push([cell]);
          left = further - displayWidth(piece);
        }
      }
    }
  }
  return lines.filter((line, at) => line.length > 0 || (at === 0 && lines.length === 1));
}

/** Neighbours of one style are painted together. */
function joined(output: Output, words: readonly Cell[]): string {
  const runs: Cell[] = [];
  for (const word of words) {
    const last = runs.at(-1);
    if (last !== undefined && last.style === word.style)
      runs[runs.length - 1] = { ...last, text: `${last.text} ${word.text}` };
    else runs.push(word);
  }
  return runs.map((run) => painted(output, run)).join(' ');
}

function painted(output: Output, { text, style }: Cell): string {
  return style === undefined ? text : paint(output, style, text);
}

/** `label` in a column of its own, `width` wide, and what it is about beside it. */
export function labelled(
  output: Output,
  label: string | Cell,
  cells: readonly (string | Cell)[],
  { width, indent = 0 }: { readonly width: number; readonly indent?: number },
): string[] {
  const { text, style } = cellOf(label);
  const head = style === undefined ? text : paint(output, style, text);
  const gap = ' '.repeat(Math.max(1, width - displayWidth(text)));
  const hanging = indent + width;
  const [first = '', ...more] = paragraph(output, cells, { indent: hanging });
  return [' '.repeat(indent) + (head + gap + first.trimStart()).trimEnd(), ...more];
}
