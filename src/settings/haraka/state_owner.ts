/** Whose the state of this install is: the user that Haraka runs as. */
import { futureOwner, presentOwner, type Owner, type PrivilegeSettings } from '../../state/owner';
import { iniValues, type ConfigFiles } from './config_files';

/**
 * Where root asks, it is `user` and `group` of smtp.ini: Haraka goes on as them, and what is made for it must be theirs.
 * Nobody else can become another user, nor make anything for one.
 *
 * @throws Error where the system knows no such user or group
 */
export function stateOwner(files: ConfigFiles): Owner {
  return process.geteuid?.() === 0 ? futureOwner(privilegesIn(files)) : presentOwner();
}

/** `user` and `group` of smtp.ini. */
export function privilegesIn(files: ConfigFiles): PrivilegeSettings {
  const { user, group } = iniValues(files, 'smtp.ini')['main'] ?? {};
  return { user, group };
}
