/** A file that is given to be imported, in whichever format it is. */
import { CommandError } from '../command';
import { readUtf8 } from '../read_utf8';
import { looksLikeCsv, rowsFromCsv } from './csv_rows';
import type { Incoming } from './incoming';
import { looksLikePolicyMap } from './policy_map';
import { rowsFromPolicyMap } from './policy_rows';

export const formats = ['csv', 'postfix'] as const;
export type Format = (typeof formats)[number];

export interface ReadOptions {
  /** Told by what the file holds, where it is absent. */
  readonly format: Format | undefined;
  /** Of sections in `tls-peers.ini`; empty in the file of a managed domain. `given`: somebody said so. */
  readonly scope: { readonly of: string; readonly given: boolean };
}

/** @throws CommandError where the file cannot be read, or is no list of peers; with a line for each reason */
export function readIncoming(file: string, { format, scope }: ReadOptions): Incoming {
  const text = readUtf8(file);
  const kind = format ?? (!looksLikeCsv(text) && looksLikePolicyMap(text) ? 'postfix' : 'csv');
  if (kind === 'postfix') return rowsFromPolicyMap(file, text, scope.of);
  const reading = rowsFromCsv(file, text, scope.given ? scope.of : '');
  if (reading.kind === 'read') return reading;
  throw new CommandError(reading.problems.map((problem) => `${file}: ${problem}`).join('\n'));
}
