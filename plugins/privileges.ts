/** Whether Haraka is already the user that it will be. */
import { changesUser, type PrivilegeSettings } from '../src/state/owner';
import type { HarakaPlugin } from './haraka_plugin';

/** What is used of Haraka's `server`. */
interface Server {
  readonly cfg?: { readonly main?: PrivilegeSettings };
  /** Set once `user` and `group` are in force; in a master, whose workers drop theirs, once it has started. */
  readonly ready?: unknown;
}

/**
 * Haraka can load its queue before its listeners stand, and drops its privileges only then: a worker is told to at once,
 * and reads the certificates in config/tls meanwhile. What is decided, read or created in between is root's.
 */
export function hasItsUser(plugin: HarakaPlugin): boolean {
  const { cfg, ready } = plugin.haraka_require('server') as Server;
  return Boolean(ready) || !changesUser(cfg?.main ?? {});
}
