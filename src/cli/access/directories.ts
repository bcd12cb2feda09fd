/** The directories that Haraka keeps something in, judged by its user, who really writes there. */
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { policiesLeftOut } from '../../mta_sts/store_review';
import type { Finding } from '../../settings/checks/check';
import type { ConfigFiles } from '../../settings/haraka/config_files';
import { queueDirectory } from '../../settings/haraka/queue_directory';
import { globalFile, type SettingsSource } from '../../settings/load/source';
import { run } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { closedAncestor, isDenied, quoted } from '../../state/access';
import { foreseeStateDirectory, type Prepared } from '../../state/directory';
import { temporaryIn } from '../../state/files';
import type { Owner } from '../../state/owner';
import { assertOwned, given, isMissing, others, StateFault } from '../../state/state_fault';
import { messageOf, printable } from '../../text';

export interface StateDirectory {
  readonly directory: string;
  /** Where it is named. */
  readonly section: 'mta_sts' | 'evidence';
  readonly keeps: 'policies' | 'memory' | 'counts';
}

/** @param install the directory that holds Haraka's config directory */
export function stateDirectories(
  { global }: Settings,
  { memory }: Pick<SettingsSource, 'memory'>,
  install: string,
): StateDirectory[] {
  const { mtaSts, evidence } = global;
  const [policies = '', ...others] = memory.directories(mtaSts.directory);
  const counts = evidence.enabled ? [path.resolve(install, evidence.directory)] : [];
  return [
    { directory: policies, section: 'mta_sts', keeps: 'policies' },
    ...others.map((directory) => ({ directory, section: 'mta_sts', keeps: 'memory' }) as const),
    ...counts.map((directory) => ({ directory, section: 'evidence', keeps: 'counts' }) as const),
  ];
}

/** What a start would make of each directory, by its path. */
export type Foreseen = ReadonlyMap<string, Prepared>;

/** To be called as whoever makes them: root, where Haraka starts as root. */
export function foresee(directories: readonly StateDirectory[], owner: Owner): Foreseen {
  return new Map(directories.map(({ directory }) => [directory, foreseeStateDirectory(directory, owner)]));
}

/** To be called as the user that Haraka runs as. Never rejects. */
export async function judgeDirectories(
  directories: readonly StateDirectory[],
  foreseen: Foreseen,
  owner: Owner,
): Promise<Finding[]> {
  const found = await Promise.all(directories.map((one) => judge(one, foreseen.get(one.directory), owner)));
  return found.flat();
}

async function judge(one: StateDirectory, start: Prepared | undefined, owner: Owner): Promise<Finding[]> {
  try {
    const found = await fs.lstat(one.directory).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      return undefined;
    });
    if (start?.kind === 'unusable') throw start.fault;
    // A start makes it, or gives away what was root's.
    if (found === undefined || (found.uid === 0 && owner.uid !== 0 && start !== undefined)) return [];
    assertOwned(found, one.directory, owner);
    await tryWriting(one.directory);
    return [
      ...((found.mode & others) === 0 ? [] : [openToOthers(one)]),
      ...(one.keeps === 'policies' ? await leftOut(one, owner) : []),
    ];
  } catch (error) {
    return [unusable(one, error, owner)];
  }
}

async function tryWriting(directory: string): Promise<void> {
  const trial = temporaryIn(directory);
  const handle = await fs.open(trial, 'wx', 0o600);
  try {
    await handle.writeFile('.');
  } finally {
    await handle.close();
    await fs.rm(trial, { force: true });
  }
}

const consequence: Readonly<Record<StateDirectory['keeps'], string>> = {
  policies:
    'no policy can be kept, and none that is kept counts: mail to a domain that publishes one waits while its policy host ' +
    'cannot be reached; which files with rules there were is not remembered',
  memory: 'which files with rules there were is not remembered there',
  counts: 'what happens is not recorded',
};

function unusable(one: StateDirectory, error: unknown, owner: Owner): Finding {
  const { directory, section, keeps } = one;
  const { problem, remedy } = diagnosed(error, directory, owner);
  return {
    severity: 'fault',
    fault: {
      file: globalFile,
      section,
      key: 'directory',
      problem: `${printable(problem, 500)}: ${consequence[keeps]}`,
      mend: run(remedy),
    },
  };
}

function diagnosed(error: unknown, directory: string, owner: Owner): { problem: string; remedy: string } {
  if (error instanceof StateFault) return { problem: error.message, remedy: error.remedy };
  const closed = isDenied(error) ? closedAncestor(directory) : undefined;
  if (closed !== undefined)
    return {
      problem: `${directory} cannot be reached: ${owner.name} may not enter ${closed}`,
      remedy: `chmod a+x ${quoted(closed)}`,
    };
  return {
    problem: `${owner.name} cannot use ${directory}: ${messageOf(error)}`,
    remedy: given(directory, owner),
  };
}

function openToOthers({ directory, section }: StateDirectory): Finding {
  const problem = `other users have access to ${directory}; a start takes it away`;
  const mend = run(`chmod 700 ${quoted(directory)}`);
  return { severity: 'warning', fault: { file: globalFile, section, key: 'directory', problem, mend } };
}

async function leftOut({ directory, section }: StateDirectory, owner: Owner): Promise<Finding[]> {
  const found = await policiesLeftOut(directory, owner);
  const [first, ...more] = found;
  if (first === undefined) return [];
  const problem =
    `the policy kept in ${first.name} does not count: ${printable(first.why)}` +
    `${more.length === 0 ? '' : `; nor do ${more.length} more`}. Mail to its domain waits while it cannot be fetched`;
  const isForeign = found.some(({ why }) => why.includes('another user') || why.includes('EACCES'));
  const where = quoted(directory);
  const files = found.map(({ name }) => quoted(name)).join(' ');
  const mend = run(isForeign ? `chown -R ${quoted(owner.name)} ${where}` : `cd ${where} && rm ${files}`);
  return [{ severity: 'warning', fault: { file: globalFile, section, key: 'directory', problem, mend } }];
}

/** Haraka's own queue: without it no message is taken, nor sent. */
export async function judgeQueue(files: ConfigFiles, install: string, owner: Owner): Promise<Finding[]> {
  const directory = queueDirectory(files, install);
  try {
    await tryWriting(directory);
    return [];
  } catch (error) {
    // Not every directory of settings is one of an install; Haraka makes the queue where it is missing.
    if (isMissing(error)) return [];
    const { problem, remedy } = diagnosed(error, directory, owner);
    return [
      {
        severity: 'fault',
        fault: {
          file: 'smtp.ini',
          key: 'user',
          problem: `${printable(problem, 500)}: Haraka takes no message`,
          mend: run(remedy),
        },
      },
    ];
  }
}
