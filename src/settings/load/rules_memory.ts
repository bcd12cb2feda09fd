/** Where it is written down which files with rules there were: beside the policies of others, in `rules.json`. */
import { lstatSync, statSync } from 'node:fs';
import path from 'node:path';
import { useStateDirectory } from '../../state/directory';
import { isMissing } from '../../state/state_fault';
import { newerFormat } from '../../state/format';
import { readPlainFileSync, replaceFile } from '../../state/files';
import { presentOwner, type Owner } from '../../state/owner';
import { messageOf } from '../../text';
import { decodeRemembered, encodeRemembered, type Recollection, type Remembered } from './remembered';
import { complete, stsKeys } from '../schema/keys';

export interface RulesMemory {
  /** The directories in which it is kept, where `[mta_sts] directory` is `setting`. The first one is read first. */
  directories(setting: string): readonly string[];
  /** What is written down there. */
  read(setting: string): Recollection;
  /** A text that differs once it was written anew. */
  stamp(setting: string): string;
  /**
   * Writes it down in one of the directories, where it does not stand there already. Not to be called before the process
   * is the user that it will be.
   *
   * @throws Error where that is not possible
   */
  write(directory: string, remembered: Remembered): Promise<void>;
}

const fileName = 'rules.json';
/** Some ten times what a million domains take would be a mistake. Bytes. */
const largest = 256 * 1024 * 1024;
const { directory: usualDirectory } = complete(stsKeys, {});

/**
 * @param install the directory that holds Haraka's config directory
 * @param stranger what a file means that this process may not read: nothing is known, or, for a person who merely asks,
 *   nothing is remembered
 * @param owner whose the files are to be; asked when they are written
 */
export function rulesMemory(
  install: string,
  stranger: 'unknown' | 'nothing',
  owner: () => Owner = presentOwner,
): RulesMemory {
  // Beside the configured directory also the usual one: where tls-peers.ini is gone, nothing says which was configured.
  const directories = (setting: string) => [
    ...new Set([setting, usualDirectory].map((name) => path.resolve(install, name))),
  ];
  return {
    directories,
    read(setting) {
      const readings = directories(setting).map((directory) => recall(directory, stranger));
      const told = readings.find(({ kind }) => kind === 'known');
      return told ?? readings.find(({ kind }) => kind === 'unknown') ?? { kind: 'nothing' };
    },
    stamp: (setting) => directories(setting).map(stampOf).join('\n'),
    async write(directory, remembered) {
      const whose = owner();
      await useStateDirectory(directory, whose);
      const there = recall(directory, 'unknown');
      if (there.kind === 'unknown' && there.problem === newerFormat)
        throw new Error(`${path.join(directory, fileName)}: ${newerFormat}`);
      const text = encodeRemembered(remembered);
      if (there.kind === 'known') {
        if (encodeRemembered(there.remembered) === text) return;
        // Somebody has said meanwhile that what is gone is meant to be; this process will see it at its next look.
        if (there.remembered.acceptedAt > remembered.acceptedAt) return;
      }
      await replaceFile(directory, fileName, text, { owner: whose });
    },
  };
}

function recall(directory: string, stranger: 'unknown' | 'nothing'): Recollection {
  const file = path.join(directory, fileName);
  try {
    const found = lstatSync(directory);
    if (!found.isDirectory()) throw new Error(`${directory} is not a directory`);
    const { uid } = presentOwner();
    // Root, which Haraka is at its start, reads what belongs to the user that it will be.
    if (uid !== 0 && found.uid !== uid) throw new NotOurs(`${directory} belongs to another user`);
    const remembered = decodeRemembered(readPlainFileSync(file, { uid: found.uid, atMost: largest }));
    if (remembered === 'newer') return { kind: 'unknown', file, problem: newerFormat };
    return remembered === undefined
      ? { kind: 'unknown', file, problem: 'damaged' }
      : { kind: 'known', remembered };
  } catch (error) {
    if (isMissing(error) || (stranger === 'nothing' && isNotOurs(error))) return { kind: 'nothing' };
    return { kind: 'unknown', file, problem: `cannot be read: ${messageOf(error)}` };
  }
}

class NotOurs extends Error {}

function isNotOurs(error: unknown): boolean {
  return error instanceof NotOurs || (error instanceof Error && 'code' in error && error.code === 'EACCES');
}

function stampOf(directory: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path.join(directory, fileName), { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return '';
  }
}
