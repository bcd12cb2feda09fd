/** Where the settings of the Haraka are that this plugin runs in. */
import path from 'node:path';

/** What is used of a Haraka plugin's `config`. Haraka gives a package plugin its install's directory as overrides. */
export interface HarakaConfig {
  readonly root_path?: string;
  readonly overrides_path?: string;
}

/**
 * The config directory of the running install. `config.getDir()` would not do: in a package plugin it sees the
 * package's own directory only.
 */
export function harakaConfigDirectory(config: HarakaConfig): string {
  const directory = config.overrides_path ?? config.root_path;
  if (directory !== undefined) return directory;
  return path.join(process.env['HARAKA'] ?? process.cwd(), 'config');
}
