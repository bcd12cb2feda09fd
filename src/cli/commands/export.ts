/** `tls-peers export`: the peers of a managed domain, or of `tls-peers.ini`, as CSV. */
import { directorySource } from '../../settings/load/source';
import { exit, UsageError, type Command } from '../command';
import { formatCsv } from '../csv';
import { managedFile, wholeGlobalFile } from '../managed_file';
import { json } from '../output';
import { columnsFor, flat, peersIn, usualColumns } from '../peer_rows';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Print the peers of a managed domain, or of tls-peers.ini, as CSV.',
  operands: 'DOMAIN | --global',
  help: [
    `The columns are ${usualColumns.join(', ')}, and every other key that one of the peers sets.`,
    '',
    '  --global          the peers of tls-peers.ini',
  ],
  options: { global: { type: 'boolean' } },
  run({ directory, operands, options, output, json: asJson }) {
    const [domain, ...more] = operands;
    const isGlobal = options['global'] === true;
    if ((domain === undefined) !== isGlobal || more.length > 0)
      throw new UsageError('one DOMAIN is needed, or --global');
    const { name, text } = domain === undefined ? wholeGlobalFile(directory) : managedFile(directory, domain);
    const peers = peersIn(directorySource(directory), name, text).map(({ row }) => row);
    const columns = columnsFor(peers);
    const blank = Object.fromEntries(columns.map((column) => [column, '']));
    const rows = peers.map((row) => ({ ...blank, ...flat(row) }));
    output.print(asJson ? json(rows) : csv(columns, rows).trimEnd());
    return Promise.resolve(exit.ok);
  },
};

function csv(columns: readonly string[], rows: readonly Readonly<Record<string, string>>[]): string {
  return formatCsv([columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))]);
}
