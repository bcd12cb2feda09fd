import { printable } from '../../text';

/** One thing wrong in a configuration file, with everything that is needed to put it right. */
export interface Fault {
  /** Relative to Haraka's config directory. */
  readonly file: string;
  /** 1 for the first line; 0 where the fault is the file's as a whole. */
  readonly line: number;
  /** Empty where no section is concerned. */
  readonly section: string;
  /** Empty where no key is concerned. */
  readonly key: string;
  readonly value: string;
  readonly problem: string;
  /** What would be accepted, empty where that is no list. */
  readonly allowed: string;
  /** What was probably meant, empty where nothing is close. */
  readonly suggestion: string;
}

/** A fault with the fields that do not apply left empty. */
export function fault(given: Pick<Fault, 'file' | 'line' | 'problem'> & Partial<Fault>): Fault {
  return { section: '', key: '', value: '', allowed: '', suggestion: '', ...given };
}

/**
 * `file:line: section: key = value: what is wrong; allowed: ...; did you mean ...?` on one printable line. Each part is
 * cut on its own: what is wrong has to be seen behind a value of any length.
 */
export function formatFault(of: Fault): string {
  const { section, key, value } = of;
  const file = printable(of.file, 1000);
  const place = of.line > 0 ? `${file}:${of.line}` : file;
  const setting = key === '' ? '' : value === '' ? part(key) : `${part(key)} = ${part(value)}`;
  const where = [place, section === '' ? '' : `[${part(section)}]`, setting].filter((one) => one !== '');
  const allowed = of.allowed === '' ? '' : `; allowed: ${printable(of.allowed, 1000)}`;
  const hint = of.suggestion === '' ? '' : `; did you mean ${part(of.suggestion)}?`;
  return `${where.join(': ')}: ${printable(of.problem, 1000)}${allowed}${hint}`;
}

function part(text: string): string {
  return printable(text, 200);
}

/** By file, then line. */
export function inOrder(faults: readonly Fault[]): Fault[] {
  return [...faults].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}

/**
 * The candidate that `word` is probably a slip of: at most a third of its letters differ, and of equally close ones the
 * one that begins alike for longest. Empty where none is close.
 */
export function closest(word: string, candidates: readonly string[]): string {
  const wanted = word.toLowerCase().slice(0, 100);
  const most = Math.max(1, Math.floor(wanted.length / 3));
  const near = candidates
    .map((candidate) => ({
      candidate,
      distance: editDistance(wanted, candidate.toLowerCase()),
      alike: commonPrefix(wanted, candidate.toLowerCase()),
    }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || b.alike - a.alike);
  return near[0]?.candidate ?? '';
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Damerau-Levenshtein distance with adjacent transpositions. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let distance = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, at(beforeLast, j - 2) + 1);
      }
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
