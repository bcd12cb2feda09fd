/** Which lines of the source ran, from V8's block coverage of the bundle that was made of it. */
import { SourceMap, type SourceMapPayload } from 'node:module';

/** One script as V8 reports it. */
export interface ScriptCoverage {
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

/** Source file, line, whether it ran. A line counts where the bundle has a line that begins with it. */
export type Lines = Map<string, Map<number, 'ran' | 'missed'>>;

interface BundleLine {
  readonly offset: number;
  readonly file: string;
  readonly line: number;
}

export class CoveredLines {
  readonly lines: Lines = new Map();
  private readonly places: readonly BundleLine[];

  constructor(
    private readonly bundle: string,
    map: SourceMapPayload,
  ) {
    this.places = placesOf(bundle, new SourceMap(map));
    for (const { file, line } of this.places) this.linesOf(file).set(line, 'missed');
  }

  /** Adds what one process ran. */
  add(script: ScriptCoverage): void {
    const counts = countsOf(script, this.bundle.length);
    for (const { offset, file, line } of this.places) {
      if ((counts[offset] ?? 0) > 0) this.linesOf(file).set(line, 'ran');
    }
  }

  private linesOf(file: string): Map<number, 'ran' | 'missed'> {
    const known = this.lines.get(file) ?? new Map<number, 'ran' | 'missed'>();
    this.lines.set(file, known);
    return known;
  }
}

/** Lines that hold nothing but closing brackets, or the head of something that is counted inside, say nothing. */
const empty = /^\s*(?:[})\];,\s]*|\} else \{|\/\/.*|default:|case .*:|"use strict";)$/;

function placesOf(bundle: string, map: SourceMap): BundleLine[] {
  const places: BundleLine[] = [];
  let start = 0;
  bundle.split('\n').forEach((text, number) => {
    const column = text.search(/\S/);
    if (column >= 0 && !empty.test(text)) {
      const entry = map.findEntry(number, column);
      if ('originalSource' in entry && entry.generatedLine === number) {
        places.push({ offset: start + column, file: entry.originalSource, line: entry.originalLine + 1 });
      }
    }
    start += text.length + 1;
  });
  return places;
}

/** How often the code at each offset ran: ranges are nested, the innermost one counts. */
function countsOf({ functions }: ScriptCoverage, length: number): Int32Array {
  const counts = new Int32Array(length);
  const ranges = functions.flatMap((one) => one.ranges);
  ranges.sort((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset));
  for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset);
  return counts;
}
