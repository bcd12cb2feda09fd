/** Resolvers of which some can tell what DNSSEC vouches for, and others cannot. Pure. */
import { isTrustedPath, serverText } from '../../dns/server';
import { lineOf, openIfReadable } from '../load/file';
import { resolverOptions } from '../load/resolver_options';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';

/** Whoever lists a second resolver expects it to stand in for the first, which this one does for some mail only. */
export function mixedResolvers({ source, settings }: FilesView): Fault[] {
  const { servers, trustAd } = resolverOptions(settings.global);
  const unable = servers.filter((server) => !isTrustedPath(server, trustAd ? 'by_operator' : 'by_nobody'));
  if (unable.length === 0 || unable.length === servers.length) return [];
  const problem =
    'nothing vouches for the path to them, beside others where something does: they are not asked where DANE may apply, ' +
    'and such mail waits while the others do not answer';
  const line = lineOf(openIfReadable(source, globalFile), 'resolver', 'servers');
  const value = unable.map(serverText).join(', ');
  return [{ file: globalFile, line, section: 'resolver', key: 'servers', value, problem }];
}
