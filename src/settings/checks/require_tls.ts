/** `[inbound] requiretls = true` beside what does not keep that promise (RFC 8689). */
import type { Fault } from '../schema/fault';
import { pluginLines } from '../haraka/plugins_file';
import type { FilesView } from './check';

/** Plugins of Haraka's that hand mail on in connections of their own, where nothing is said of REQUIRETLS. */
const withoutIt: ReadonlySet<string> = new Set([
  'queue/smtp_forward',
  'queue/smtp_proxy',
  'queue/qmail-queue',
]);

/** Either holds outgoing mail to it. */
const needed = ['tls-peers', 'tls-peers/outbound'];

export function requireTlsUnkept({ source, settings }: FilesView): Fault[] {
  if (settings.global.inbound.values.requiretls !== true) return [];
  const lines = pluginLines(source) ?? [];
  const passing = lines
    .filter(({ name }) => withoutIt.has(name))
    .map(({ name, line }) => {
      const problem =
        `${name} hands mail on without REQUIRETLS, which [inbound] requiretls offers: mail that asks for it is refused ` +
        'with 5.7.30 where this plugin would take it. Mail that goes through the outbound queue is not';
      return { file: 'plugins', line, problem };
    });
  if (lines.length === 0 || lines.some(({ name }) => needed.includes(name))) return passing;
  const problem =
    '[inbound] requiretls has no effect without tls-peers/outbound: what is offered could not be held to';
  return [...passing, { file: 'plugins', line: 0, problem }];
}
