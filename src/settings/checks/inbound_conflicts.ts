/** Haraka's own settings that keep clients from meeting an inbound rule, or let them past one. */
import { fault, type Fault } from '../schema/fault';
import { openFile } from '../load/file';
import { pluginLines } from '../haraka/plugins_file';
import { isTrue, type IniValues, type SettingsSource } from '../load/source';
import type { Settings } from '../schema/types';
import { writtenInbound } from './written_rules';

/** One warning for each setting that stands in the way, where an inbound rule is `mandatory`. */
export function inboundSurroundings(source: SettingsSource, settings: Settings, today: string): Fault[] {
  const mandatory = [...writtenInbound(settings, today)].find(
    ({ level, enforcement }) => level === 'mandatory' && enforcement === 'enforce',
  );
  if (mandatory === undefined) return [];
  return [...unofferedTls(source, mandatory.name), ...delayedRefusals(source, mandatory.name)];
}

type IsSet = (values: IniValues) => boolean;

/** What of tls.ini keeps STARTTLS from some clients, whose mail is then answered 450. */
const withheld: readonly (readonly [section: string, key: string, whom: string, isSet: IsSet])[] = [
  ['no_tls_hosts', '', 'to these hosts', (values) => Object.keys(values['no_tls_hosts'] ?? {}).length > 0],
  [
    'main',
    'no_starttls_ports',
    'at these ports',
    (values) => values['main']?.['no_starttls_ports'] !== undefined,
  ],
  [
    'redis',
    'disable_for_failed_hosts',
    'for an hour to a host whose handshake failed once',
    (values) => isTrue(String(values['redis']?.['disable_for_failed_hosts'])),
  ],
];

function unofferedTls(source: SettingsSource, rule: string): Fault[] {
  const reading = source.read('tls.ini');
  if (reading.kind !== 'file') return [];
  const values = source.parse('tls.ini', reading.text);
  const { located } = openFile(source, 'tls.ini', reading.text);
  return withheld
    .filter(([, , , isSet]) => isSet(values))
    .map(([section, key, whom]) => {
      const place = located.sections.find(({ name }) => name === section);
      const line = place?.keys.get(key)?.line ?? place?.line ?? 0;
      const problem = `Haraka does not offer STARTTLS ${whom}; ${rule} answers their mail with 450`;
      return fault({ file: 'tls.ini', line, section: section === 'main' ? '' : section, key, problem });
    });
}

/** `delay_deny` drops what it delays where the client may relay. */
function delayedRefusals(source: SettingsSource, rule: string): Fault[] {
  const listed = pluginLines(source)?.find(({ name }) => name === 'delay_deny');
  if (listed === undefined || !isDelayed(source)) return [];
  const problem =
    `delay_deny lets clients that may relay past every refusal, that of ${rule} and of files that are not valid included; ` +
    'excluded_plugins = tls-peers in delay_deny.ini leaves these alone';
  return [fault({ file: 'plugins', line: listed.line, problem })];
}

function isDelayed(source: SettingsSource): boolean {
  const reading = source.read('delay_deny.ini');
  const main = reading.kind === 'file' ? source.parse('delay_deny.ini', reading.text)['main'] : undefined;
  const included = listOf(main?.['included_plugins']);
  const names = (list: readonly string[]) => list.some((one) => /^tls-peers(?:$|[:/])/.test(one));
  return included.length > 0 ? names(included) : !names(listOf(main?.['excluded_plugins']));
}

function listOf(value: unknown): string[] {
  return typeof value === 'string' ? value.split(/[;, ]+/).filter((one) => one !== '') : [];
}
