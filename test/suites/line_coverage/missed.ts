/**
 * Lines that did not run, each with its reason; and reasons that no line needs any more. Pure.
 *
 * A reason stands where it is read. `// not covered: …` at the end of a line is that of the line and of what is indented below
 * it; on a line of its own, that of the lines below it, to an empty one or the end of their block. `// not always covered: …`
 * says that it is up to chance whether they run.
 */
import type { Lines } from './lines';

export interface MissedLine {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** Empty where there is none. */
  readonly reason: string;
}

export interface Verdict {
  readonly missed: readonly MissedLine[];
  /** One line each. */
  readonly stale: readonly string[];
}

interface Reason {
  /** Numbers of lines, from 1. */
  readonly first: number;
  readonly last: number;
  readonly runs: 'never' | 'by_chance';
  readonly text: string;
}

/** @param texts the lines of each source file, by the names that `lines` has for it */
export function explainMissed(lines: Lines, texts: ReadonlyMap<string, readonly string[]>): Verdict {
  const files = [...lines].map(([file, found]) => explainFile(file, found, texts.get(file) ?? []));
  return { missed: files.flatMap((one) => one.missed), stale: files.flatMap((one) => one.stale) };
}

function explainFile(
  file: string,
  found: ReadonlyMap<number, 'ran' | 'missed'>,
  texts: readonly string[],
): Verdict {
  const reasons = texts.flatMap((_, index) => reasonAt(index, texts));
  const used = new Set<Reason>();
  const missed = [...found]
    .filter(([, state]) => state === 'missed')
    .sort(([a], [b]) => a - b)
    .map(([line]): MissedLine => {
      const reason = reasons.find(({ first, last }) => line >= first && line <= last);
      if (reason !== undefined) used.add(reason);
      return { file, line, text: texts[line - 1]?.trim() ?? '', reason: reason?.text ?? '' };
    });
  const stale = reasons
    .filter((reason) => reason.runs === 'never' && !used.has(reason))
    .map(({ first, text }) => `${file}:${first} ran: ${text}`);
  return { missed, stale };
}

const form = /^(.*?)\/\/ not (always )?covered: (.*)$/;

function reasonAt(index: number, texts: readonly string[]): Reason[] {
  const [, before = '', always, text] = form.exec(texts[index] ?? '') ?? [];
  if (text === undefined) return [];
  const isAlone = before.trim() === '';
  const first = isAlone ? index + 1 : index;
  const least = indentOf(texts[index] ?? '') + (isAlone ? 0 : 1);
  let last = first;
  while (indentOf(texts[last + 1] ?? '') >= least) last++;
  return [{ first: first + 1, last: last + 1, runs: always === undefined ? 'never' : 'by_chance', text }];
}

/** -1 for an empty line. */
function indentOf(text: string): number {
  return text.search(/\S/);
}
