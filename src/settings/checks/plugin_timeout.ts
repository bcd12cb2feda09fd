/** Haraka ends a hook after `plugin_timeout`, and would go on without a decision. Pure. */
import type { ConfigFiles } from '../haraka/config_files';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';

/** The files that say how long a hook may take, in the order in which Haraka asks them. */
const files = ['tls-peers.timeout', 'plugin_timeout'] as const;

/** Where neither says so. Seconds. */
const usual = 30;

export function slowDecisions({ source, settings }: FilesView): Fault[] {
  const name = files.find((one) => source.read(one).kind === 'file') ?? 'plugin_timeout';
  const seconds = numberIn(source, name) ?? usual;
  const { decision } = settings.global.timeouts;
  if (seconds === 0 || decision < seconds) return [];
  const problem = `Haraka's ${name} is ${seconds} seconds: [timeouts] decision has to be less`;
  const line = `decision = ${Math.max(1, Math.ceil(seconds) - 1)}`;
  const mend = { kind: 'write', file: globalFile, section: 'timeouts', line } as const;
  return [{ file: globalFile, section: 'timeouts', key: 'decision', value: `${decision}`, problem, mend }];
}

function numberIn(source: ConfigFiles, name: string): number | undefined {
  const reading = source.read(name);
  const number = reading.kind === 'file' ? Number.parseFloat(reading.text) : Number.NaN;
  return Number.isNaN(number) ? undefined : number;
}
