/** What a plugin is handed by Haraka: `this` in `register` and in every hook. */
import { printable } from '../src/text';
import type { Log } from '../src/log';
import type { HarakaConfig } from '../src/settings/haraka/config_directory';

type LogMethod = (...args: unknown[]) => void;

export type Next = (answer?: number, detail?: unknown) => void;

export interface HarakaPlugin {
  readonly name: string;
  readonly config: HarakaConfig & { get(name: string, type?: string): unknown };
  register_hook(hook: string, method: string, priority?: number): void;
  /** One of Haraka's own modules. */
  haraka_require(name: string): unknown;
  readonly logdebug: LogMethod;
  readonly loginfo: LogMethod;
  readonly lognotice: LogMethod;
  readonly logwarn: LogMethod;
  readonly logerror: LogMethod;
  [method: string]: unknown;
}

/** One line of config/plugins: what Haraka copies onto its plugin object. */
export interface Piece {
  register(this: HarakaPlugin): void;
  shutdown(): void;
}

export function logOf(plugin: HarakaPlugin): Log {
  const limit = 2000;
  return {
    debug: (line) => plugin.logdebug(printable(line, limit)),
    info: (line) => plugin.loginfo(printable(line, limit)),
    notice: (line) => plugin.lognotice(printable(line, limit)),
    warn: (line) => plugin.logwarn(printable(line, limit)),
    error: (line) => plugin.logerror(printable(line, limit)),
  };
}
