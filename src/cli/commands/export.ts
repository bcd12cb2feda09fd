/** `tls-peers export`: the peers of a managed domain as CSV. */
import path from 'node:path';
import { canonicalDomain } from '../../names';
import { domainOf } from '../../settings/load/load';
import { directorySource } from '../../settings/load/source';
import { CommandError, exit, UsageError, type Command } from '../command';
import { formatCsv } from '../csv';
import { json } from '../output';
import { columnsFor, flat, peersIn, usualColumns } from '../peer_rows';
import { readUtf8 } from '../read_utf8';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Print the peers of a managed domain as CSV.',
  operands: 'DOMAIN',
  help: [`The columns are ${usualColumns.join(', ')}, and every other key that one of the peers sets.`],
  options: {},
  run({ directory, operands, output, json: asJson }) {
    const [domain, ...more] = operands;
    if (domain === undefined || more.length > 0) throw new UsageError('one DOMAIN is needed');
    const { name, text } = domainFile(directory, domain);
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

/** The file of a managed domain, however its name is written. @throws CommandError where there is none, or no UTF-8 */
export function domainFile(directory: string, domain: string): { name: string; text: string } {
  const source = directorySource(directory);
  const canonical = canonicalDomain(domain);
  const listing = source.domainFiles();
  if (listing.kind === 'unreadable') throw new CommandError(listing.problem);
  const name = listing.names.find((one) => domainOf(one) === canonical);
  if (name === undefined) throw new CommandError(`${domain} is not managed: it has no file`);
  return { name, text: readUtf8(path.join(directory, name), name) };
}
