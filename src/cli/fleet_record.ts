/** The record as it is asked for: of the fleet where there is one, else of this host. */
import type { Reading, Wanted } from '../evidence/evidence';
import { createFileReader, type FileReaderOptions } from '../evidence/store/file_reader';
import type { SettingsSource } from '../settings/load/source';
import type { Settings } from '../settings/schema/types';
import { messageOf, printable } from '../text';
import { joinFleet } from './fleet';

/** `decided_on`: a rule may follow from it. */
export type RecordUse = 'looked_at' | 'decided_on';

export interface RecordOf {
  readonly settings: Settings;
  readonly files: SettingsSource;
  readonly local: FileReaderOptions;
  readonly use: RecordUse;
}

const ofThisHost = 'these are the figures of this host alone';
const unsigned = `what other hosts have counted is not signed, without key_file in [fleet], and decides nothing: ${ofThisHost}`;
export const unknownSecret = 'key_file of [fleet] cannot be read';

/** Where the fleet cannot be read, the record of this host, which says so. */
export async function readFleet({ settings, files, local, use }: RecordOf, wanted: Wanted): Promise<Reading> {
  const alone = async (why: string): Promise<Reading> => {
    const reading = await createFileReader(local).read(wanted);
    return { ...reading, problems: [why, ...reading.problems] };
  };
  // What others have seen may be anything: no rule follows from what is left.
  const incomplete = async (why: string): Promise<Reading> => {
    const reading = await alone(aloneBecause(why));
    return use === 'decided_on' ? { ...reading, unread: reading.unread + 1 } : reading;
  };
  const joined = await joinFleet(settings, files);
  if (joined.kind === 'alone') return await createFileReader(local).read(wanted);
  if (joined.kind === 'away') return await incomplete(joined.why);
  const { record } = joined.fleet;
  try {
    if (record === undefined) return await incomplete(unknownSecret);
    if (use === 'decided_on' && record.trust === 'unsigned') return await alone(unsigned);
    return await record.reader(local).read(wanted);
  } catch (error) {
    return await incomplete(messageOf(error));
  } finally {
    await joined.fleet.close();
  }
}

/** Why it is not the fleet, for people. */
export function aloneBecause(why: string): string {
  return `the fleet cannot be read (${printable(why)}): ${ofThisHost}`;
}
