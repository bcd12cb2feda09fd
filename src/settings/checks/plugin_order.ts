/** Plugins that would be asked before this suite where it has to be first: a start moves them, and says so. Pure. */
import type { ConfigFiles } from '../haraka/config_files';
import { pluginLines, type PluginLine } from '../haraka/plugins_file';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';

/** The hooks at which the suite moves itself to the front, and the piece of it that does. */
const firstAt = { send_email: 'outbound', queue_outbound: 'outbound', rcpt: 'inbound' } as const;

type Hook = keyof typeof firstAt;

/** The priority of the suite itself. Plugins of the same one run in the order of their lines. */
const own = -100;

/** As far as the text of a plugin of the install tells: what it registers while it runs is not known. */
export function plantedBefore({ source }: FilesView): Fault[] {
  const lines = pluginLines(source) ?? [];
  return lines
    .filter(({ name }) => !/^tls-peers(?:\/|$)/.test(name))
    .flatMap((line) => hooksOf(source, line.name).flatMap((hook) => judge(lines, line, hook)));
}

interface Registered {
  readonly hook: Hook;
  readonly priority: number;
}

function judge(lines: readonly PluginLine[], plugin: PluginLine, { hook, priority }: Registered): Fault[] {
  const ours = lines.find(({ name }) => name === 'tls-peers' || name === `tls-peers/${firstAt[hook]}`);
  if (ours === undefined || priority > own || (priority === own && plugin.line > ours.line)) return [];
  const place = { file: 'plugins', line: plugin.line };
  const moved = `${plugin.name} asks to be first at ${hook} (priority ${priority}), where ${ours.name} has to be: a start moves ${ours.name} before it`;
  return priority === own
    ? [
        {
          ...place,
          problem: moved,
          mend: { kind: 'write', file: 'plugins', section: '', line: ours.name, above: plugin.name },
        },
      ]
    : [
        {
          ...place,
          problem: `${moved}. A priority above ${own} in its source leaves the order to this file`,
        },
      ];
}

/** Where Haraka looks for a plugin of the install, relative to its config directory. */
function hooksOf(source: ConfigFiles, name: string): Registered[] {
  const places = [
    `../plugins/${name}.js`,
    `../plugins/${name}/index.js`,
    `../node_modules/haraka-plugin-${name}/index.js`,
  ];
  for (const place of places) {
    const reading = source.read(place);
    if (reading.kind === 'file') return registeredIn(reading.text);
  }
  return [];
}

function registeredIn(text: string): Registered[] {
  const pattern = /register_hook\(\s*(['"`])(send_email|queue_outbound|rcpt)\1\s*,[^,)]+,\s*(-\d{1,9})\b/g;
  return [...text.matchAll(pattern)].map(([, , hook, priority]) => ({
    hook: hook as Hook,
    priority: Number(priority),
  }));
}
