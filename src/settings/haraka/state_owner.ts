/** Whose the state of this install is: the user that Haraka runs as. */
import { statSync } from 'node:fs';
import path from 'node:path';
import {
  changesUser,
  futureOwner,
  presentOwner,
  type Owner,
  type PrivilegeSettings,
} from '../../state/owner';
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

/**
 * The same for a command that root may run beside a Haraka that never was root: systemd's `User=` stands in no file of Haraka's. Its
 * queue tells whose process it is.
 *
 * @param install the directory that holds Haraka's config directory
 * @throws Error as `stateOwner`
 */
export function ownerOfInstall(install: string, files: ConfigFiles): Owner {
  const usual = stateOwner(files);
  if (usual.uid !== 0 || changesUser(privilegesIn(files))) return usual;
  const queue = statSync(path.join(install, 'queue'), { throwIfNoEntry: false });
  if (queue === undefined || queue.uid === 0) return usual;
  return { uid: queue.uid, gid: queue.gid, name: `${queue.uid}` };
}
