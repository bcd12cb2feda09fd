/** Rows of cells: one line each where that fits, otherwise what is long on lines of its own. Pure. */
import { type Cell, type Output, paint } from '../output';
import { cellOf, paragraph } from './paragraph';
import { displayWidth, padded } from './width';

type Row = readonly (string | Cell)[];

const gap = 2;

/** The last column is worth breaking where it has room for some words. */
const roomForWords = 30;

/**
 * Rows with their columns aligned by the longest text. For a file or a pipe each is one line. On a terminal that they do
 * not fit, the last column is broken; a row that is too long for its columns even so does not widen them for the others:
 * what does not fit before its last column comes below.
 *
 * @param indent columns before each line
 */
export function table(output: Output, rows: readonly Row[], indent = 0): string[] {
  const cells = rows.map((row) => row.map(cellOf));
  const { width } = output;
  const all = columnWidths(cells);
  const whole = (row: readonly Cell[], widths: readonly number[]): string[] => [
    ' '.repeat(indent) + aligned(output, row, widths).trimEnd(),
  ];
  if (width === undefined || columnsBefore(all, indent) + (all.at(-1) ?? 0) <= width)
    return cells.flatMap((row) => whole(row, all));
  if (columnsBefore(all, indent) + roomForWords <= width)
    return cells.flatMap((row) => lastBroken(output, row, all, indent));
  const usual = usualRows(cells, width, indent);
  // Where hardly any fit, they are all written in the same way.
  if (usual.size * 2 < cells.length) return cells.flatMap((row) => partlyAligned(output, row, all, indent));
  const widths = columnWidths([...usual]);
  const fits = columnsBefore(widths, indent) + (widths.at(-1) ?? 0) <= width;
  return cells.flatMap((row) => {
    if (!usual.has(row)) return partlyAligned(output, row, columnWidths([row]), indent);
    return fits ? whole(row, widths) : lastBroken(output, row, widths, indent);
  });
}

/** Columns before the last one. */
function columnsBefore(widths: readonly number[], indent: number): number {
  return widths.slice(0, -1).reduce((sum, one) => sum + one + gap, indent);
}

/** As many rows as go together, the shortest first. */
function usualRows(rows: readonly (readonly Cell[])[], width: number, indent: number): Set<readonly Cell[]> {
  const own = (row: readonly Cell[]): number => columnsBefore(columnWidths([row]), indent);
  const usual = new Set<readonly Cell[]>();
  let widths: readonly number[] = [];
  for (const row of [...rows].sort((a, b) => own(a) - own(b))) {
    const wider = row.map(({ text }, at) => Math.max(widths[at] ?? 0, displayWidth(text)));
    const together = [...wider, ...widths.slice(wider.length)];
    if (columnsBefore(together, indent) + Math.min(together.at(-1) ?? 0, roomForWords) > width) continue;
    usual.add(row);
    widths = together;
  }
  return usual;
}

/** What a row begins with is short, and says what it is: what follows stands below it, a little to the right. */
const shortLabel = 12;

/** As many columns as fit stay aligned; the others come below. */
function partlyAligned(
  output: Output,
  row: readonly Cell[],
  widths: readonly number[],
  indent: number,
): string[] {
  let taken = indent;
  const fitting = widths.findIndex((width) => (taken += width + gap) - gap > (output.width ?? 0));
  const [first = 0] = widths;
  const below = indent + (first <= shortLabel ? first + gap : 4);
  const facts = row.slice(Math.max(1, fitting)).filter(({ text }) => text !== '');
  return [
    ...(fitting === 0
      ? paragraph(output, row.slice(0, 1), { indent, hanging: indent + 4 })
      : [' '.repeat(indent) + aligned(output, row.slice(0, fitting), widths).trimEnd()]),
    ...facts.flatMap((one) => paragraph(output, [one], { indent: below, hanging: below + 2 })),
  ];
}

/** A row for a terminal: what it is about on the first line, each fact on lines of its own, the first one first. */
export function stacked(output: Output, head: Row, facts: Row, indent = 0): string[] {
  return [
    ...paragraph(output, head, { indent, hanging: indent + 4 }),
    ...facts
      .filter((fact) => cellOf(fact).text !== '')
      .flatMap((fact) => paragraph(output, [fact], { indent: indent + 4, hanging: indent + 6 })),
  ];
}

function columnWidths(rows: readonly (readonly Cell[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, { text }] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(text));
  }
  return widths;
}

function aligned(output: Output, row: readonly Cell[], widths: readonly number[]): string {
  return row
    .map(({ text, style }, column) => {
      const padding = column === row.length - 1 ? '' : padded('', (widths[column] ?? 0) - displayWidth(text));
      return (style === undefined ? text : paint(output, style, text)) + padding;
    })
    .join(' '.repeat(gap));
}

function lastBroken(
  output: Output,
  row: readonly Cell[],
  widths: readonly number[],
  indent: number,
): string[] {
  const last = row.length === widths.length ? row.at(-1) : undefined;
  const others = last === undefined ? row : row.slice(0, -1);
  const before = others.reduce((sum, _, column) => sum + (widths[column] ?? 0) + gap, indent);
  const head = aligned(output, [...others, { text: '' }], widths);
  const [first = '', ...more] = last === undefined ? [] : paragraph(output, [last], { indent: before });
  return [(' '.repeat(indent) + head + first.trimStart()).trimEnd(), ...more];
}
