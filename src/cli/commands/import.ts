/** `tls-peers import`: peers from CSV into the file of a managed domain. */
import path from 'node:path';
import { editIni } from '../../settings/ini/edit';
import { loadSettings } from '../../settings/load/load';
import { directorySource, type SettingsSource } from '../../settings/load/source';
import { faultDocument, formatFault, type Fault } from '../../settings/schema/fault';
import { messageOf } from '../../text';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { parseCsv } from '../csv';
import { managedFile } from '../managed_file';
import { json } from '../output';
import { peersIn, planImport, rowsFromCsv, type PeerRow } from '../peer_rows';
import { readUtf8 } from '../read_utf8';
import { replaceFile } from '../replace_file';

export const importCommand: Command = {
  name: 'import',
  summary: 'Bring the peers of a managed domain in line with a CSV file.',
  operands: '[--write] [--prune] DOMAIN FILE.csv',
  help: [
    'Shows what would change. A field that is empty takes its key out; keys without a column stay, and so do comments.',
    '',
    '  --write           make the change',
    '  --prune           take out peers that the CSV file does not have',
  ],
  options: { write: { type: 'boolean' }, prune: { type: 'boolean' } },
  run: importPeers,
};

async function importPeers(context: Context): Promise<ExitCode> {
  const [domain, csv, ...more] = context.operands;
  if (domain === undefined || csv === undefined || more.length > 0)
    throw new UsageError('DOMAIN and FILE.csv are needed');
  const { directory } = context;
  const source = directorySource(directory);
  const { name, text } = managedFile(directory, domain);
  const plan = planImport(peersIn(source, name, text), readRows(csv), context.options['prune'] === true);
  const edited = editIni(text, plan.edits, plan.removed);
  const faults = faultsAfter(source, name, edited);
  const write = context.options['write'] === true && faults.length === 0 && plan.changes.length > 0;
  if (write) await replaceFile(path.join(directory, name), edited);
  report(context, plan.changes, faults, write);
  return faults.length === 0 ? exit.ok : exit.findings;
}

/** @throws CommandError with a line for everything that is wrong in the file */
function readRows(file: string): readonly PeerRow[] {
  const reading = rowsFromCsv(recordsIn(file));
  if (reading.kind === 'rows') return reading.rows;
  throw new CommandError(reading.problems.map((problem) => `${file}: ${problem}`).join('\n'));
}

function recordsIn(file: string): string[][] {
  const text = readUtf8(file);
  try {
    return parseCsv(text);
  } catch (error) {
    throw new CommandError(`${file}: ${messageOf(error)}`);
  }
}

/** What would be wrong with the file if it held `text`. */
function faultsAfter(source: SettingsSource, name: string, text: string): Fault[] {
  const edited: SettingsSource = {
    ...source,
    read: (file) => (file === name ? { kind: 'file', text } : source.read(file)),
  };
  return loadSettings(edited).faults.filter(({ file }) => file === name);
}

function report(
  { output, json: asJson }: Context,
  changes: readonly string[],
  faults: readonly Fault[],
  written: boolean,
): void {
  if (asJson) {
    output.print(json({ changes, faults: faults.map(faultDocument), written }));
    return;
  }
  for (const line of changes) output.print(line);
  for (const one of faults) output.complain(formatFault(one));
  if (changes.length === 0) output.print('nothing to change');
  else if (faults.length > 0) output.complain('not written: the file would not be valid');
  else output.print(written ? 'written' : 'not written: --write makes the change');
}
