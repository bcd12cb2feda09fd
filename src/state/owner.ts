/**
 * Who the process will be. Haraka starts as root where it has to bind low ports, and goes on as `user` and `group` of
 * smtp.ini once its listeners stand; what is made before that would otherwise be root's for good.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

export interface Owner {
  readonly uid: number;
  /** `unchanged` where the group of what is given away does not matter. */
  readonly gid: number | 'unchanged';
  /** For people, and for commands that they are told to run: the name where there is one, else the number. */
  readonly name: string;
}

/** `user` and `group` in the main section of smtp.ini, as Haraka's reader hands them over. */
export interface PrivilegeSettings {
  readonly user?: unknown;
  readonly group?: unknown;
}

/** Whether Haraka will change user or group once its listeners stand. It goes by what counts as true. */
export function changesUser({ user, group }: PrivilegeSettings): boolean {
  return Boolean(user) || Boolean(group);
}

/** The user and group that this process has now. */
export function presentOwner(): Owner {
  const uid = process.geteuid?.() ?? 0;
  return { uid, gid: 'unchanged', name: nameOfPresentUser(uid) };
}

/**
 * The user that this process will go on as.
 *
 * @throws Error where the system knows no such user or group. Haraka itself does not start then.
 */
export function futureOwner({ user, group }: PrivilegeSettings): Owner {
  const gid = group ? numberOf('group', group) : 'unchanged';
  if (!user) return { ...presentOwner(), gid };
  return { uid: numberOf('user', user), gid, name: textOf(user) };
}

const database = { user: '/etc/passwd', group: '/etc/group' } as const;

function numberOf(kind: 'user' | 'group', nameOrNumber: unknown): number {
  if (typeof nameOrNumber === 'number') return nameOrNumber;
  const name = textOf(nameOrNumber);
  const number = inFile(database[kind], name) ?? inDirectoryService(kind, name);
  if (number === undefined) throw new Error(`smtp.ini: there is no ${kind} ${name}`);
  return number;
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : JSON.stringify(value);
}

/** Lines of `name:x:number:…` (passwd(5), group(5)). */
function inFile(file: string, name: string): number | undefined {
  try {
    const entries = readFileSync(file, 'utf8').split('\n');
    return asNumber(entries.map((entry) => entry.split(':')).find(([first]) => first === name)?.[2]);
  } catch {
    return undefined;
  }
}

/** Users that come from LDAP and the like. Node has no look-up of its own. */
function inDirectoryService(kind: 'user' | 'group', name: string): number | undefined {
  try {
    const run = (command: string, args: readonly string[]) =>
      execFileSync(command, args, { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
    return kind === 'user'
      ? asNumber(run('id', ['-u', '--', name]).trim())
      : asNumber(run('getent', ['group', name]).split(':')[2]);
  } catch {
    return undefined;
  }
}

function asNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function nameOfPresentUser(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    // In a container, a user need not have an entry anywhere.
    return `${uid}`;
  }
}
