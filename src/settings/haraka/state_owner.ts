/** Whose the state of this install is: the user that Haraka runs as. */
import { futureOwner, presentOwner, type Owner, type PrivilegeSettings } from '../../state/owner';
import type { SettingsSource } from '../load/source';

/**
 * Where root asks, it is `user` and `group` of smtp.ini: Haraka goes on as them, and what is made for it must be theirs.
 * Nobody else can become another user, nor make anything for one.
 *
 * @throws Error where the system knows no such user or group
 */
export function stateOwner(source: SettingsSource): Owner {
  return process.geteuid?.() === 0 ? futureOwner(privilegesIn(source)) : presentOwner();
}

function privilegesIn(source: SettingsSource): PrivilegeSettings {
  const reading = source.read('smtp.ini');
  if (reading.kind !== 'file') return {};
  const { user, group } = source.parse('smtp.ini', reading.text)['main'] ?? {};
  return { user, group };
}
