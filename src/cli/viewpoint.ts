/** Who asks, and whether that is who Haraka will be. What a file says to one user it may keep from the other. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { privilegesIn } from '../settings/haraka/state_owner';
import type { ConfigFiles } from '../settings/haraka/config_files';
import { changesUser, futureOwner, presentOwner, type Owner, type PrivilegeSettings } from '../state/owner';
import { messageOf } from '../text';

export type Viewpoint =
  /** This process can open what Haraka can. */
  | {
      readonly kind: 'harakas';
      readonly owner: Owner;
      /** Whether a Haraka that starts makes directories as root, before it becomes its user. */
      readonly startsAs: 'root' | 'itself';
    }
  /** It is root, and Haraka will be somebody else: a process that becomes that user can tell. */
  | { readonly kind: 'roots'; readonly owner: Owner; readonly privileges: PrivilegeSettings }
  /** It is neither. */
  | { readonly kind: 'strangers'; readonly whose: string; readonly ask: string }
  /** Haraka cannot start: smtp.ini names a user or a group that there is not. */
  | {
      readonly kind: 'nobodys';
      readonly key: 'user' | 'group';
      readonly name: string;
      readonly problem: string;
    };

/** @param directory Haraka's config directory */
export function viewpointOn(directory: string, files: ConfigFiles): Viewpoint {
  const privileges = privilegesIn(files);
  if (!changesUser(privileges)) return withoutUser(directory);
  let owner: Owner;
  try {
    owner = futureOwner(privileges);
  } catch (error) {
    return unknownUser(directory, privileges, messageOf(error));
  }
  const present = presentOwner();
  if (present.uid === owner.uid)
    return { kind: 'harakas', owner, startsAs: owner.uid === 0 ? 'itself' : 'root' };
  return present.uid === 0
    ? { kind: 'roots', owner, privileges }
    : { kind: 'strangers', whose: `${owner.name} (user in smtp.ini)`, ask: 'as root, or as that user' };
}

/** Haraka stays whoever starts it. What it made tells who that was: systemd's `User=` stands in no file of Haraka's. */
function withoutUser(directory: string): Viewpoint {
  const owner = presentOwner();
  const [made] = ['queue', 'mta-sts'].flatMap((name) => {
    const uid = ownerOf(path.resolve(directory, '..', name));
    return uid === undefined ? [] : [{ name, uid }];
  });
  if (made === undefined || made.uid === owner.uid) return { kind: 'harakas', owner, startsAs: 'itself' };
  return { kind: 'strangers', whose: `uid ${made.uid}, whose ${made.name}/ is`, ask: 'as that user' };
}

function ownerOf(file: string): number | undefined {
  try {
    return statSync(file).uid;
  } catch {
    return undefined;
  }
}

function unknownUser(directory: string, privileges: PrivilegeSettings, problem: string): Viewpoint {
  // The group is looked up first, by Haraka as well.
  const key = problem.includes('no group') ? 'group' : 'user';
  const isInstall = ownerOf(path.resolve(directory, '../queue')) !== undefined;
  // Settings that are looked at elsewhere than where they are for name users of another machine.
  return isInstall
    ? { kind: 'nobodys', key, name: String(privileges[key]), problem }
    : { kind: 'harakas', owner: presentOwner(), startsAs: 'itself' };
}

const unjudged = 'what Haraka can read and write was not judged: it runs as';

/** What is to be known beside a result; nothing where it is Haraka's own view. */
export function viewpointRemarks(viewpoint: Viewpoint): string[] {
  switch (viewpoint.kind) {
    case 'harakas':
    case 'nobodys':
      return [];
    case 'roots':
      return [`${unjudged} ${viewpoint.owner.name}`];
    case 'strangers':
      return [`${unjudged} ${viewpoint.whose}. Ask ${viewpoint.ask}`];
  }
}
