/** Lines that did not run, each with its reason; and reasons that no line needs any more. Pure. */
import type { Lines } from './lines';
import type { Reason } from './reasons';

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

/** @param texts the lines of each source file, by the names that `lines` and `reasons` have for it */
export function explainMissed(
  lines: Lines,
  texts: ReadonlyMap<string, readonly string[]>,
  reasons: readonly Reason[],
): Verdict {
  const used = new Set<Reason>();
  const missed = [...lines].flatMap(([file, found]) =>
    [...found]
      .filter(([, state]) => state === 'missed')
      .sort(([a], [b]) => a - b)
      .map(([line]) => {
        const reason = reasons.find((one) => one.file === file && covers(one, line, texts.get(file) ?? []));
        if (reason !== undefined) used.add(reason);
        return {
          file,
          line,
          text: texts.get(file)?.[line - 1]?.trim() ?? '',
          reason: reason?.reason ?? '',
        };
      }),
  );
  const stale = reasons.flatMap((reason) => {
    const places = linesLike(reason, texts.get(reason.file) ?? []).length;
    if (places !== 1) return [`${reason.file} has ${places} lines like: ${reason.from}`];
    return used.has(reason) || reason.runs === 'by_chance' ? [] : [`${reason.file}, ran: ${reason.from}`];
  });
  return { missed, stale };
}

function covers(reason: Reason, line: number, texts: readonly string[]): boolean {
  const [first] = linesLike(reason, texts);
  return first !== undefined && line >= first && line < first + (reason.lines ?? 1);
}

/** Line numbers, from 1. */
function linesLike({ from }: Reason, texts: readonly string[]): number[] {
  return texts.flatMap((text, index) => (text.trim() === from ? [index + 1] : []));
}
