/** Haraka's plugins that hand mail on in connections of their own: no outbound rule holds for that mail. */
import { mayForbidCleartext } from '../../peers/cleartext';
import type { Day } from '../../peers/day';
import { iniValues, isTrue, type ConfigFiles } from '../haraka/config_files';
import { pluginLines } from '../haraka/plugins_file';
import type { Fault } from '../schema/fault';
import type { Settings } from '../schema/types';
import type { FilesView } from './check';
import { writtenOutbound } from './written_rules';

/** Their setting files, and whether they take mail of clients that may relay where `enable_outbound` is not written. */
const deliverers: Readonly<Record<string, { readonly ini: string; readonly byDefault: boolean }>> = {
  'queue/smtp_forward': { ini: 'smtp_forward.ini', byDefault: false },
  'queue/smtp_proxy': { ini: 'smtp_proxy.ini', byDefault: true },
  'queue/qmail-queue': { ini: 'qmail-queue.ini', byDefault: true },
};

/**
 * One warning for each plugin in config/plugins that takes outgoing mail past Haraka's outbound queue, where a rule that
 * is written may forbid cleartext.
 */
export function bypassingPlugins({ source, settings, today }: FilesView): Fault[] {
  const taking = (pluginLines(source) ?? []).filter(({ name }) => takesOutgoing(source, name));
  const rule = taking.length === 0 ? undefined : strictRule(settings, today);
  if (rule === undefined) return [];
  const fate =
    settings.global.outbound.values.past_the_queue === 'warn'
      ? ''
      : 'Where the rule of a recipient forbids cleartext whatever the peer publishes, such mail is refused with ' +
        '450 4.7.0 ([outbound] past_the_queue). ';
  return taking.map(({ name, line }) => {
    const ini = deliverers[name]?.ini ?? '';
    const problem =
      `${name} sends mail of clients that may relay by itself, past Haraka's outbound queue: no outbound rule applies ` +
      `to it, ${rule} included. ${fate}enable_outbound = false in ${ini} leaves such mail to the queue`;
    const mend = { kind: 'write', file: ini, section: '', line: 'enable_outbound = false' } as const;
    return { file: 'plugins', line, problem, mend };
  });
}

function takesOutgoing(source: ConfigFiles, plugin: string): boolean {
  const deliverer = Object.hasOwn(deliverers, plugin) ? deliverers[plugin] : undefined;
  if (deliverer === undefined) return false;
  const value = iniValues(source, deliverer.ini)['main']?.['enable_outbound'];
  return typeof value === 'string' || typeof value === 'number' ? isTrue(`${value}`) : deliverer.byDefault;
}

/** The name of the first rule that is written and may forbid cleartext. */
function strictRule(settings: Settings, today: Day): string | undefined {
  return [...writtenOutbound(settings, today)].find(mayForbidCleartext)?.name;
}
