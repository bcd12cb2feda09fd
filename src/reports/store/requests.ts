/** What an operator asks of the running Haraka from the command line: files, each of which is one request. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { fieldsIn } from '../../json_lines';
import { canonicalDomain } from '../../names';
import { useStateDirectory } from '../../state/directory';
import { isMissing } from '../../state/state_fault';
import { readPlainFile, replaceFile } from '../../state/files';
import type { JournalPlace } from './journal';

/** Send the reports to `domain` now. */
export interface SendRequest {
  readonly domain: string;
}

const pattern = /^request\.[0-9a-f]{16}\.json$/;
const mostRequests = 100;

/** @throws Error where it cannot be written */
export async function askToSend({ directory, owner }: JournalPlace, domain: string): Promise<void> {
  await useStateDirectory(directory, owner);
  const name = `request.${randomBytes(8).toString('hex')}.json`;
  await replaceFile(directory, name, JSON.stringify({ domain }), { owner });
}

/** @param how `take`: whoever takes them carries them out */
export async function takeRequests(
  { directory, owner }: JournalPlace,
  how: 'look' | 'take',
): Promise<SendRequest[]> {
  const names = await fs.readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found: SendRequest[] = [];
  for (const name of names.filter((one) => pattern.test(one)).slice(0, mostRequests)) {
    const file = path.join(directory, name);
    const text = await readPlainFile(file, { uid: owner.uid, atMost: 4096 }).catch(() => '');
    if (how === 'take') await fs.rm(file, { force: true });
    const domain = domainIn(text);
    if (domain !== undefined) found.push({ domain });
  }
  return found;
}

function domainIn(text: string): string | undefined {
  const { domain } = fieldsIn(text) ?? {};
  return typeof domain === 'string' ? canonicalDomain(domain) : undefined;
}
