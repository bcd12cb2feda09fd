/**
 * What of tls.ini keeps every handshake with a peer from beginning: ciphers, keys, or a maximum version that a rule is above. Mail
 * that must be encrypted then waits, and other mail goes in cleartext; so does a client find no STARTTLS where the pair of key and
 * certificate is missing or does not fit.
 */
import { createSecureContext } from 'node:tls';
import { forbidsCleartext, mayForbidCleartext } from '../../peers/cleartext';
import type { OutboundRule } from '../../peers/rule';
import { messageOf } from '../../text';
import { whyNoHandshake } from '../../tls/own_terms';
import type { TlsVersion } from '../../tls/version';
import type { ConfigFiles } from '../haraka/config_files';
import { harakaTls, type HandshakeSettings } from '../haraka/outbound_tls';
import { pluginLines } from '../haraka/plugins_file';
import { listenerFiles } from '../haraka/read_ahead';
import { headerOf } from '../ini/locate';
import { openIfReadable } from '../load/file';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';
import { everyOutboundRule, writtenInbound } from './written_rules';

/** One fault for each setting of tls.ini with which no handshake can be begun under some rule. */
export function handshakesThatCannotBegin({ source, settings, today }: FilesView): Fault[] {
  const { options } = harakaTls(source);
  const rules = [...everyOutboundRule(settings, today)].map(({ rule }) => rule);
  return parts(options).flatMap(({ key, options: part }) => {
    const failing = rules.flatMap((rule) => {
      const why = whyNoHandshake(part, leastVersion(rule));
      return why === undefined || rule.level === 'none' ? [] : [{ rule, why }];
    });
    const worst =
      failing.find(({ rule }) => forbidsCleartext(rule)) ??
      failing.find(({ rule }) => mayForbidCleartext(rule)) ??
      failing[0];
    if (worst === undefined) return [];
    const { rule, why } = worst;
    const problem = `no handshake can be begun with it (${why}): ${consequence(rule)}`;
    return [{ file: 'tls.ini', ...placeOf(source, key), key, problem }];
  });
}

function consequence(rule: OutboundRule): string {
  if (forbidsCleartext(rule)) return `mail under ${rule.name} waits`;
  if (mayForbidCleartext(rule))
    return `mail under ${rule.name} goes in cleartext, and waits where DANE or a policy applies`;
  return `mail under ${rule.name} goes in cleartext`;
}

/** Each by itself, so that the line at fault can be named. */
function parts({ minVersion, maxVersion, ciphers, key, cert }: HandshakeSettings) {
  const versions = {
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  };
  return [
    ...(maxVersion === undefined ? [] : [{ key: 'maxVersion', options: versions }]),
    ...(ciphers === undefined ? [] : [{ key: 'ciphers', options: { ciphers } }]),
    ...(key === undefined || cert === undefined ? [] : [{ key: 'cert', options: { key, cert } }]),
  ];
}

const versions: Readonly<Record<string, TlsVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

/** The least that a handshake under the rule is begun with; what DANE or a policy adds is TLS 1.2 unless the rule says more. */
function leastVersion(rule: OutboundRule): TlsVersion {
  const written = versions[rule.minTlsVersion];
  return written ?? (forbidsCleartext(rule) && rule.minTlsVersion !== 'none' ? 'TLSv1.2' : 'TLSv1');
}

function placeOf(source: ConfigFiles, key: string): Pick<Fault, 'line' | 'section' | 'value'> {
  const file = openIfReadable(source, 'tls.ini');
  for (const section of ['outbound', 'main']) {
    const at = file?.located.sections.find(({ name }) => name === section)?.keys.get(key);
    if (at !== undefined) return { line: at.line, section: headerOf(section), value: at.texts.at(-1) };
  }
  return {};
}

/** One warning where Haraka has no pair of key and certificate with which it could offer STARTTLS. */
export function nothingToOffer({ source, settings, today }: FilesView): Fault[] {
  const mandatory = [...writtenInbound(settings, today)].find(
    ({ level, enforcement }) => level === 'mandatory' && enforcement === 'enforce',
  );
  if (mandatory === undefined || pluginLines(source)?.some(({ name }) => name === 'tls') !== true) return [];
  const why = whyNothingToOffer(source);
  if (why === undefined) return [];
  const problem = `${why}: Haraka offers no STARTTLS, so nobody can satisfy ${mandatory.name}`;
  return [{ file: 'tls.ini', problem }];
}

function whyNothingToOffer(source: ConfigFiles): string | undefined {
  const pems: string[] = [];
  for (const name of listenerFiles(source)) {
    const reading = source.read(name);
    if (reading.kind === 'absent') return `there is no ${name}`;
    // One that cannot be read is another finding.
    if (reading.kind !== 'file') return undefined;
    pems.push(reading.text);
  }
  const [key, cert, more] = pems;
  if (key === undefined || cert === undefined || more !== undefined) return undefined;
  try {
    createSecureContext({ key, cert });
    return undefined;
  } catch (error) {
    return `${listenerFiles(source).join(' and ')} are no pair (${messageOf(error)})`;
  }
}
