/** Which lines of the source ran, from V8's block coverage of the bundles that were made of it. */
import { SourceMap, type SourceMapPayload } from 'node:module';
import path from 'node:path';

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

/** Source file (absolute), line, whether it ran. A line counts where a bundle has a line that begins with it. */
export type Lines = Map<string, Map<number, 'ran' | 'missed'>>;

interface BundleLine {
  readonly offset: number;
  readonly file: string;
  readonly line: number;
}

/** One bundle; several of them tell of the same `lines`. */
export class CoveredBundle {
  readonly #length: number;
  readonly #places: readonly BundleLine[];

  readonly #lines: Lines;

  /**
   * @param directory where the bundle and its map were written
   * @param replaced the source file (absolute) that a test put something else in the place of
   */
  constructor(
    bundle: string,
    map: SourceMapPayload,
    directory: string,
    replaced: string | undefined,
    lines: Lines,
  ) {
    this.#lines = lines;
    this.#length = bundle.length;
    this.#places = placesOf(bundle, new SourceMap(map))
      .map((place) => ({ ...place, file: path.resolve(directory, place.file) }))
      .filter(({ file }) => file !== replaced);
    for (const { file, line } of this.#places) {
      const known = this.#linesOf(file);
      if (!known.has(line)) known.set(line, 'missed');
    }
  }

  /** Adds what one process ran. */
  add(script: ScriptCoverage): void {
    const counts = countsOf(script, this.#length);
    for (const { offset, file, line } of this.#places) {
      if ((counts[offset] ?? 0) > 0) this.#linesOf(file).set(line, 'ran');
    }
  }

  #linesOf(file: string): Map<number, 'ran' | 'missed'> {
    const known = this.#lines.get(file) ?? new Map<number, 'ran' | 'missed'>();
    this.#lines.set(file, known);
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
