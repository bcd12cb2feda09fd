import { loadSettings } from '../settings/load/load';
import type { SettingsSource } from '../settings/load/source';
import type { Settings } from '../settings/schema/types';
import { CommandError } from './command';

/**
 * Settings whose global part is what the install says.
 *
 * @throws CommandError where that is not valid. Shipped defaults would name another directory, another resolver, other
 *   listeners.
 */
export function validSettings(source: SettingsSource): Settings {
  const { settings } = loadSettings(source);
  if (settings.validity.kind === 'invalid') throw new CommandError(settings.validity.failure.text);
  return settings;
}
