/** What the benchmarks found, as data and as text. */

export const groupNames = [
  'delivery',
  'warm',
  'cold',
  'growth',
  'verification',
  'footprint',
  'fleet',
] as const;
export type GroupName = (typeof groupNames)[number];

/** `quick`: as many rounds as show that everything runs; the figures are rougher. */
export type Effort = 'quick' | 'full';

/** What a figure is held to. */
export interface Line {
  readonly is: 'at least' | 'at most';
  readonly value: number;
}

export interface Figure {
  readonly name: string;
  /** The median where there were several runs. */
  readonly value: number | 'not_measured';
  /** `x` is a ratio. */
  readonly unit: string;
  /** The lowest and the highest of the runs. */
  readonly spread?: readonly [low: number, high: number];
  readonly line?: Line;
}

export interface GroupReport {
  readonly group: GroupName;
  readonly title: string;
  readonly figures: readonly Figure[];
  /** What the reader must know about the figures, such as what could not be measured here. */
  readonly notes: readonly string[];
  /** How long measuring took. */
  readonly seconds: number;
}

export function isMet({ value, line }: Figure): boolean {
  if (line === undefined) return true;
  if (value === 'not_measured') return false;
  return line.is === 'at least' ? value >= line.value : value <= line.value;
}

export function missed(reports: readonly GroupReport[]): Figure[] {
  return withLine(reports).filter((figure) => !isMet(figure) && isMeasured(figure));
}

export function notMeasured(reports: readonly GroupReport[]): Figure[] {
  return withLine(reports).filter((figure) => !isMeasured(figure));
}

function withLine(reports: readonly GroupReport[]): Figure[] {
  return reports.flatMap(({ figures }) => figures.filter(({ line }) => line !== undefined));
}

export function isMeasured({ value }: Figure): boolean {
  return value !== 'not_measured';
}

/** One table per group. */
export function reportText({ title, figures, notes, seconds }: GroupReport): string {
  const rows = figures.map(
    (figure) =>
      `  ${figure.name.padEnd(66)}${quantity(figure.value, figure.unit).padStart(16)}  ` +
      `${spreadText(figure).padEnd(22)}${lineText(figure)}`.trimEnd(),
  );
  const remarks = notes.map((note) => `  - ${note}`);
  return [`${title} (${seconds.toFixed(0)} s)`, ...rows, ...remarks, ''].join('\n');
}

function spreadText({ spread }: Figure): string {
  return spread === undefined ? '' : `${short(spread[0])} to ${short(spread[1])}`;
}

function lineText(figure: Figure): string {
  if (figure.line === undefined) return '';
  if (!isMeasured(figure)) return `NOT MEASURED: ${figure.line.is} ${short(figure.line.value)}`;
  return `${isMet(figure) ? 'met' : 'MISSED'}: ${figure.line.is} ${short(figure.line.value)}`;
}

function quantity(value: Figure['value'], unit: string): string {
  if (value === 'not_measured') return '-';
  return `${short(value)} ${unit}`;
}

function short(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
