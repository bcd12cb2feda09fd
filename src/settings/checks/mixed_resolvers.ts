/** Resolvers of which some can tell what DNSSEC vouches for, and others cannot. Pure. */
import { isTrustedPath, serverText } from '../../dns/server';
import { fault, type Fault } from '../schema/fault';
import { openFile } from '../load/file';
import { resolverOptions } from '../load/resolver_options';
import { globalFile, type SettingsSource } from '../load/source';
import type { Settings } from '../schema/types';

/** Whoever lists a second resolver expects it to stand in for the first, which this one does for some mail only. */
export function mixedResolvers(source: SettingsSource, { global }: Settings): Fault[] {
  const { servers, trustAd } = resolverOptions(global);
  const unable = servers.filter((server) => !isTrustedPath(server, trustAd ? 'by_operator' : 'by_nobody'));
  if (unable.length === 0 || unable.length === servers.length) return [];
  const problem =
    'nothing vouches for the path to them, beside others where something does: they are not asked where DANE may apply, ' +
    'and such mail waits while the others do not answer';
  return [
    fault({
      file: globalFile,
      line: lineOfServers(source),
      section: 'resolver',
      key: 'servers',
      value: unable.map(serverText).join(', '),
      problem,
    }),
  ];
}

function lineOfServers(source: SettingsSource): number {
  const reading = source.read(globalFile);
  if (reading.kind !== 'file') return 0;
  const { sections } = openFile(source, globalFile, reading.text).located;
  return sections.find(({ name }) => name === 'resolver')?.keys.get('servers')?.line ?? 0;
}
