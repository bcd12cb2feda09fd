/** `tls-peers export`: the peers of a managed domain as CSV. */
import { directorySource } from '../../settings/load/source';
import { exit, UsageError, type Command } from '../command';
import { formatCsv } from '../csv';
import { managedFile } from '../managed_file';
import { json } from '../output';
import { columnsFor, flat, peersIn, usualColumns } from '../peer_rows';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Print the peers of a managed domain as CSV.',
  operands: 'DOMAIN',
  help: [`The columns are ${usualColumns.join(', ')}, and every other key that one of the peers sets.`],
  options: {},
  run({ directory, operands, output, json: asJson }) {
    const [domain, ...more] = operands;
    if (domain === undefined || more.length > 0) throw new UsageError('one DOMAIN is needed');
    const { name, text } = managedFile(directory, domain);
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
