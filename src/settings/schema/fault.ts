import { printable } from '../../text';

/** One thing wrong in a configuration file, with everything that is needed to put it right. */
export interface Fault {
  /** Relative to Haraka's config directory. */
  readonly file: string;
  /** 1 for the first line; absent where the fault is the file's as a whole. */
  readonly line?: number | undefined;
  /** Absent where no section is concerned, or what stands above the first one. */
  readonly section?: string | undefined;
  /** Absent where no key is concerned. */
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  readonly problem: string;
  /** What would be accepted, where that can be listed. */
  readonly allowed?: string | undefined;
  /** What was probably meant, where something is close. */
  readonly suggestion?: string | undefined;
  /** What mends it, where that is one thing. */
  readonly mend?: Mend | undefined;
}

export type Mend =
  /** A command of the shell, for root. */
  | { readonly kind: 'run'; readonly command: string }
  /** A line in a file below Haraka's config directory. `section` is empty above the first one, and in files without any. */
  | {
      readonly kind: 'write';
      readonly file: string;
      readonly section: string;
      readonly line: string;
      /** The line before which it is to stand, where that matters. */
      readonly above?: string;
    };

export function run(command: string): Mend {
  return { kind: 'run', command };
}

/** One line for people. */
export function mendText(mend: Mend): string {
  if (mend.kind === 'run') return `as root: ${printable(mend.command, 1000)}`;
  const { file, section, line, above } = mend;
  return `write ${part(line)}${above === undefined ? '' : ` above ${part(above)}`} in ${section === '' ? '' : `[${part(section)}] of `}${printable(file, 1000)}`;
}

/** For programs: every field, with 0 and empty strings for what is absent. */
export interface FaultDocument extends Required<Omit<Fault, 'mend'>> {
  readonly mend: Mend | { readonly kind: 'unknown' };
}

export function faultDocument(of: Fault): FaultDocument {
  const { file, line = 0, section = '', key = '', value = '', problem, allowed = '', suggestion = '' } = of;
  const { mend = { kind: 'unknown' } } = of;
  return { file, line, section, key, value, allowed, suggestion, problem, mend };
}

/**
 * `file:line: section: key = value: what is wrong; allowed: ...; did you mean ...?; to mend it, ...` on one printable line. Each part is
 * cut on its own: what is wrong has to be seen behind a value of any length.
 */
export function formatFault({
  file,
  line,
  section,
  key,
  value,
  problem,
  allowed,
  suggestion,
  mend,
}: Fault): string {
  const place = line === undefined ? printable(file, 1000) : `${printable(file, 1000)}:${line}`;
  const where = [place];
  if (section !== undefined) where.push(`[${part(section)}]`);
  // An empty value says no more than its key.
  if (key !== undefined) where.push(value ? `${part(key)} = ${part(value)}` : part(key));
  const options = allowed === undefined ? '' : `; allowed: ${printable(allowed, 1000)}`;
  const hint = suggestion === undefined ? '' : `; did you mean ${part(suggestion)}?`;
  const mended = mend === undefined ? '' : `; to mend it, ${mendText(mend)}`;
  return `${where.join(': ')}: ${printable(problem, 1000)}${options}${hint}${mended}`;
}

function part(text: string): string {
  return printable(text, 200);
}

/** By file, then line; what is said of a file as a whole comes first. */
export function inOrder(faults: readonly Fault[]): Fault[] {
  return [...faults].sort((a, b) =>
    a.file < b.file ? -1 : a.file > b.file ? 1 : (a.line ?? 0) - (b.line ?? 0),
  );
}
