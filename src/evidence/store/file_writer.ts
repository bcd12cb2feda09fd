/** The record as those have it who count, in files. */
import { DayWriter, type DayWriterOptions } from '../../day_files/day_writer';
import type { DayFile, Format } from '../../day_files/day_file';
import { DayTable, otherPeers, type DayTableOptions, type PeerKey } from '../day_table';
import type { EvidenceWriter } from '../evidence';
import { countsLine, evidenceHeader } from '../lines';
import { sightingText, type Sighting } from '../sighting';

export interface FileWriterOptions extends DayTableOptions, Omit<DayWriterOptions, 'name'> {}

export function createFileWriter(options: FileWriterOptions): EvidenceWriter {
  const { isNamed } = options;
  const writer = new DayWriter({ ...options, name: 'evidence' }, formatOf(options));
  return {
    add: (key, sighting) =>
      writer.count((file) => {
        const peer = hasLine(file, key, sighting) || isNamed(key) ? key.peer : otherPeers;
        file.fresh.add(peer === key.peer ? key : { ...key, peer }, sightingText(sighting), 1);
      }),
    flush: () => writer.flush(),
    fault: () => writer.fault(),
    close: () => writer.close(),
  };
}

function formatOf(options: DayTableOptions): Format<DayTable> {
  return {
    header: (day) => evidenceHeader.text(day),
    empty: (day) => new DayTable(day, options),
    merge: (into, from) => {
      for (const [key, counts] of from.rows()) for (const [kind, count] of counts) into.add(key, kind, count);
    },
    *lines(table) {
      for (const [key, counts] of table.rows()) yield countsLine(key, counts);
    },
  };
}

/** Whoever forges senders must not push out those from whom mail is accepted. */
function hasLine(file: DayFile<DayTable>, key: PeerKey, { outcome }: Sighting): boolean {
  return outcome !== 'refused' || file.some((table) => table.has(key));
}
