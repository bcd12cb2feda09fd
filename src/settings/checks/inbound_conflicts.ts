/** Haraka's own settings that keep clients from meeting an inbound rule, or let them past one. */
import { iniValues, isTrue, type ConfigFiles, type IniValues } from '../haraka/config_files';
import { pluginLines } from '../haraka/plugins_file';
import { headerOf, mainSection } from '../ini/locate';
import { lineOf, openIfReadable } from '../load/file';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';
import { writtenInbound } from './written_rules';

/** One warning for each setting that stands in the way, where an inbound rule is `mandatory`. */
export function inboundConflicts({ source, settings, today }: FilesView): Fault[] {
  const mandatory = [...writtenInbound(settings, today)].find(
    ({ level, enforcement }) => level === 'mandatory' && enforcement === 'enforce',
  );
  if (mandatory === undefined) return [];
  return [...unofferedTls(source, mandatory.name), ...delayedRefusals(source, mandatory.name)];
}

/** What of tls.ini keeps STARTTLS from some clients, whose mail is then answered 450. */
interface Withheld {
  readonly section: string;
  /** Absent where any key of the section does. */
  readonly key?: string;
  readonly whom: string;
  readonly isSet: (values: IniValues) => boolean;
}

const withheld: readonly Withheld[] = [
  {
    section: 'no_tls_hosts',
    whom: 'to these hosts',
    isSet: (values) => Object.keys(values['no_tls_hosts'] ?? {}).length > 0,
  },
  {
    section: mainSection,
    key: 'no_starttls_ports',
    whom: 'at these ports',
    isSet: (values) => values[mainSection]?.['no_starttls_ports'] !== undefined,
  },
  {
    section: 'redis',
    key: 'disable_for_failed_hosts',
    whom: 'for an hour to a host whose handshake failed once',
    isSet: (values) => isTrue(String(values['redis']?.['disable_for_failed_hosts'])),
  },
];

function unofferedTls(source: ConfigFiles, rule: string): Fault[] {
  const file = openIfReadable(source, 'tls.ini');
  if (file === undefined) return [];
  return withheld
    .filter(({ isSet }) => isSet(file.values))
    .map(({ section, key, whom }) => {
      const problem = `Haraka does not offer STARTTLS ${whom}; ${rule} answers their mail with 450`;
      return { file: file.name, line: lineOf(file, section, key), section: headerOf(section), key, problem };
    });
}

/** `delay_deny` drops what it delays where the client may relay. */
function delayedRefusals(source: ConfigFiles, rule: string): Fault[] {
  const listed = pluginLines(source)?.find(({ name }) => name === 'delay_deny');
  if (listed === undefined || !isDelayed(source)) return [];
  const problem =
    `delay_deny lets clients that may relay past every refusal, that of ${rule} and of files that are not valid included; ` +
    'excluded_plugins = tls-peers in delay_deny.ini leaves these alone';
  return [{ file: 'plugins', line: listed.line, problem }];
}

function isDelayed(source: ConfigFiles): boolean {
  const main = iniValues(source, 'delay_deny.ini')['main'];
  const included = listOf(main?.['included_plugins']);
  const names = (list: readonly string[]) => list.some((one) => /^tls-peers(?:$|[:/])/.test(one));
  return included.length > 0 ? names(included) : !names(listOf(main?.['excluded_plugins']));
}

function listOf(value: unknown): string[] {
  return typeof value === 'string' ? value.split(/[;, ]+/).filter((one) => one !== '') : [];
}
