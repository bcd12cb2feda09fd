/** What is written and has no effect, because nothing is loaded that would see to it. Pure. */
import { globalFile } from '../load/source';
import { usesTlsReports } from '../schema/tls_reports';
import { pluginLines } from '../haraka/plugins_file';
import type { Fault, Mend } from '../schema/fault';
import type { FilesView } from './check';
import { enabledDomains, writtenInbound, writtenOutbound } from './written_rules';

/** Outbound rules that the lines of config/plugins leave without effect. Nothing where there is no such file. */
export function outboundNotLoaded({ source, settings, today }: FilesView): Fault[] {
  const listed = listedPlugins(source);
  if (listed === undefined || isLoaded(listed, 'outbound')) return [];
  const [rule] = writtenOutbound(settings, today);
  if (rule !== undefined)
    return [missing(listed, 'outbound', `no outbound rule has an effect, ${rule.name} included`)];
  // One who lists another piece has left this one out on purpose.
  if (isLoaded(listed, 'inbound') || isLoaded(listed, 'hosting')) return [];
  return [missing(listed, 'outbound', "mail leaves by Haraka's own settings, without DANE and MTA-STS")];
}

/** Inbound rules, in the same way; and those that no client can satisfy. */
export function inboundNotLoaded({ source, settings, today }: FilesView): Fault[] {
  const listed = listedPlugins(source);
  if (listed === undefined) return [];
  const rule = [...writtenInbound(settings, today)].find(({ level }) => level === 'mandatory');
  if (rule === undefined) return [];
  if (!isLoaded(listed, 'inbound')) {
    return [missing(listed, 'inbound', `no inbound rule has an effect, ${rule.name} included`)];
  }
  const problem = `tls is not listed: nobody is offered TLS, so nobody can satisfy ${rule.name}`;
  return listed.has('tls') ? [] : [{ file: 'plugins', problem, mend: pluginLine('tls') }];
}

/** Policies that are served nowhere. */
export function hostingNotLoaded({ source, settings }: FilesView): Fault[] {
  const listed = listedPlugins(source);
  if (listed === undefined) return [];
  const [first, ...others] = [...enabledDomains(settings)].filter(({ policy }) => policy.kind === 'hosted');
  if (first?.policy.kind !== 'hosted') return [];
  const whose = `the policy of ${first.domain}${others.length === 0 ? '' : ` and ${others.length} more`}`;
  if (!isLoaded(listed, 'hosting')) return [missing(listed, 'hosting', `${whose} is served nowhere`)];
  const { listen, listenHttp } = settings.global.hosting;
  if (listen.length + listenHttp.length > 0) return [];
  const problem = `${whose} is served nowhere: tls-peers.ini has neither listen nor listen_http in [hosting]`;
  const mend = { kind: 'write', file: globalFile, section: 'hosting', line: 'listen = [::]:443' } as const;
  return [{ file: first.file, line: first.policy.line, section: 'mta_sts', problem, mend }];
}

/** A page that nobody serves. */
export function webNotLoaded({ source, settings }: FilesView): Fault[] {
  const listed = listedPlugins(source);
  const { enabled, listen } = settings.global.web;
  if (listed === undefined || !enabled || listen.length === 0 || isLoaded(listed, 'web')) return [];
  return [missing(listed, 'web', 'the page of [web] is served nowhere')];
}

/** Reports that nobody sends or reads. */
export function reportsNotLoaded({ source, settings }: FilesView): Fault[] {
  const listed = listedPlugins(source);
  if (listed === undefined || !usesTlsReports(settings.global.tlsReports) || isLoaded(listed, 'reports'))
    return [];
  return [missing(listed, 'reports', 'no TLS report is sent or read, whatever [tls_reports] says')];
}

export function listedPlugins(source: FilesView['source']): ReadonlySet<string> | undefined {
  const lines = pluginLines(source);
  return lines && new Set(lines.map(({ name }) => name));
}

type Piece = 'outbound' | 'inbound' | 'hosting' | 'web' | 'reports';

export function isLoaded(listed: ReadonlySet<string>, piece: Piece): boolean {
  return listed.has('tls-peers') || listed.has(`tls-peers/${piece}`);
}

function pluginLine(line: string, above?: string): Mend {
  const mend = { kind: 'write', file: 'plugins', section: '', line } as const;
  return above === undefined ? mend : { ...mend, above };
}

/** Above all others: some ask to be first where this suite has to be. */
function missing(listed: ReadonlySet<string>, piece: Piece, consequence: string): Fault {
  const problem = `neither tls-peers nor tls-peers/${piece} is listed: ${consequence}`;
  return { file: 'plugins', problem, mend: pluginLine('tls-peers', [...listed][0]) };
}
