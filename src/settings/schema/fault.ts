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
}

/** For programs: every field, with 0 and empty strings for what is absent. */
export function faultDocument(of: Fault): Required<Fault> {
  const { file, line = 0, section = '', key = '', value = '', problem, allowed = '', suggestion = '' } = of;
  return { file, line, section, key, value, allowed, suggestion, problem };
}

/**
 * `file:line: section: key = value: what is wrong; allowed: ...; did you mean ...?` on one printable line. Each part is
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
}: Fault): string {
  const place = line === undefined ? printable(file, 1000) : `${printable(file, 1000)}:${line}`;
  const where = [place];
  if (section !== undefined) where.push(`[${part(section)}]`);
  // An empty value says no more than its key.
  if (key !== undefined) where.push(value ? `${part(key)} = ${part(value)}` : part(key));
  const options = allowed === undefined ? '' : `; allowed: ${printable(allowed, 1000)}`;
  const hint = suggestion === undefined ? '' : `; did you mean ${part(suggestion)}?`;
  return `${where.join(': ')}: ${printable(problem, 1000)}${options}${hint}`;
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
