/** The stored policies that a Haraka would leave out, without changing any. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { newerFormat } from '../state/format';
import { readPlainFile } from '../state/files';
import type { Owner } from '../state/owner';
import { isMissing } from '../state/state_fault';
import { messageOf } from '../text';
import { decodeEntry, isEntryName } from './entry';
import { largestEntry } from './file_store';

export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

/** @throws Error where `directory` cannot be listed */
export async function policiesLeftOut(directory: string, { uid }: Owner): Promise<LeftOut[]> {
  const names = (await fs.readdir(directory)).filter(isEntryName).sort();
  const found: LeftOut[] = [];
  for (const name of names) {
    const why = await whyLeftOut(join(directory, name), name, uid);
    if (why !== undefined) found.push({ name, why });
  }
  return found;
}

async function whyLeftOut(file: string, name: string, uid: number): Promise<string | undefined> {
  try {
    const decoded = decodeEntry(await readPlainFile(file, { uid, atMost: largestEntry }), name);
    if (decoded.kind === 'whole') return undefined;
    return decoded.kind === 'newer' ? newerFormat : `it is damaged (${decoded.why})`;
  } catch (error) {
    return isMissing(error) ? undefined : `it cannot be read: ${messageOf(error)}`;
  }
}
