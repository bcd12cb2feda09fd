/** What is written and has no effect, because nothing is loaded that would see to it. Pure. */
import { fault, type Fault } from '../schema/fault';
import { pluginLines } from '../haraka/plugins_file';
import type { SettingsSource } from '../load/source';
import type { Settings } from '../schema/types';
import { enabledDomains, writtenInbound, writtenOutbound } from './written_rules';

/** Rules and policies that the lines of config/plugins leave without effect. Nothing where there is no such file. */
export function notLoaded(source: SettingsSource, settings: Settings, today: string): Fault[] {
  const lines = pluginLines(source);
  if (lines === undefined) return [];
  const listed = new Set(lines.map(({ name }) => name));
  return [
    ...outbound(listed, settings, today),
    ...inbound(listed, settings, today),
    ...hosting(listed, settings),
  ];
}

/** Of these, what concerns outgoing mail. */
export function outboundNotLoaded(source: SettingsSource, settings: Settings, today: string): Fault[] {
  const lines = pluginLines(source);
  return lines === undefined ? [] : outbound(new Set(lines.map(({ name }) => name)), settings, today);
}

function outbound(listed: ReadonlySet<string>, settings: Settings, today: string): Fault[] {
  if (isLoaded(listed, 'outbound')) return [];
  const [rule] = writtenOutbound(settings, today);
  return rule === undefined
    ? []
    : [missing('outbound', `no outbound rule has an effect, ${rule.name} included`)];
}

function inbound(listed: ReadonlySet<string>, settings: Settings, today: string): Fault[] {
  const rule = [...writtenInbound(settings, today)].find(({ level }) => level === 'mandatory');
  if (rule === undefined) return [];
  if (!isLoaded(listed, 'inbound')) {
    return [missing('inbound', `no inbound rule has an effect, ${rule.name} included`)];
  }
  const problem = `tls is not listed: nobody is offered TLS, so nobody can satisfy ${rule.name}`;
  return listed.has('tls') ? [] : [fault({ file: 'plugins', line: 0, problem })];
}

function hosting(listed: ReadonlySet<string>, settings: Settings): Fault[] {
  const [first, ...others] = [...enabledDomains(settings)].filter(({ policy }) => policy.kind === 'hosted');
  if (first?.policy.kind !== 'hosted') return [];
  const whose = `the policy of ${first.domain}${others.length === 0 ? '' : ` and ${others.length} more`}`;
  if (!isLoaded(listed, 'hosting')) return [missing('hosting', `${whose} is served nowhere`)];
  const { listen, listenHttp } = settings.global.hosting;
  if (listen.length + listenHttp.length > 0) return [];
  const problem = `${whose} is served nowhere: tls-peers.ini has neither listen nor listen_http in [hosting]`;
  return [fault({ file: first.file, line: first.policy.line, section: 'mta_sts', problem })];
}

type Piece = 'outbound' | 'inbound' | 'hosting';

function isLoaded(listed: ReadonlySet<string>, piece: Piece): boolean {
  return listed.has('tls-peers') || listed.has(`tls-peers/${piece}`);
}

function missing(piece: Piece, consequence: string): Fault {
  const problem = `neither tls-peers nor tls-peers/${piece} is listed: ${consequence}`;
  return fault({ file: 'plugins', line: 0, problem });
}
