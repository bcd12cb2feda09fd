/** Reads the record from its files. What cannot be read is said, and the rest is there. */
import { readDayFiles, type DayFilesRead } from '../../day_files/read';
import type { Day } from '../../peers/day';
import type { Owner } from '../../state/owner';
import type { EvidenceReader, Reading, Wanted } from '../evidence';
import { evidenceHeader, parseCountsLine } from '../lines';
import { ReadingSums } from '../reading';

export interface FileReaderOptions {
  readonly directory: string;
  /** Whose files they must be: what others have put there was not counted by us. */
  readonly owner: Owner;
  readonly today: Day;
}

export function createFileReader(options: FileReaderOptions): EvidenceReader {
  return {
    async read(wanted): Promise<Reading> {
      const sums = new ReadingSums(wanted);
      const { problems, unread } = await readFiles(options, wanted, sums);
      const found = sums.rows();
      return { rows: found.rows, problems: [...problems, ...found.problems], unread };
    },
  };
}

/** Adds what the files of the window hold to `sums`. */
export function readFiles(
  options: FileReaderOptions,
  { from, to }: Wanted,
  sums: ReadingSums,
): Promise<DayFilesRead> {
  return readDayFiles({ ...options, from, to }, evidenceHeader, (day, line) => {
    const parsed = parseCountsLine(line);
    if (parsed === undefined) return 'damaged';
    sums.add(day, parsed.key, parsed.counts);
    return 'read';
  });
}
