/** Keys that others can read, and keys that Haraka's user cannot. */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { directoryReader } from '../../hosting/pem_files';
import type { Finding } from '../../settings/checks/check';
import { harakaTlsFiles } from '../../settings/haraka/outbound_tls';
import type { ConfigFiles } from '../../settings/haraka/config_files';
import { listenerFiles } from '../../settings/haraka/read_ahead';
import { run, type Fault } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { ancestorsOf, isDenied, letRead, quoted } from '../../state/access';
import type { Owner } from '../../state/owner';

/** A file that may hold a key, and who is to read it when. */
interface KeyFile {
  readonly file: string;
  readonly place: Pick<Fault, 'file' | 'section' | 'key' | 'value'>;
  /** What is lost where Haraka's user cannot read it; absent where another check says so. */
  readonly unread?: string;
}

/**
 * To be called as the user that Haraka runs as. Never rejects.
 *
 * @param base Haraka's config directory
 */
export async function judgeKeys(
  settings: Settings,
  source: ConfigFiles,
  base: string,
  owner: Owner,
): Promise<Finding[]> {
  const files = [
    ...listenerKeys(source, base),
    ...(await keysBelow(path.join(base, 'tls'), { file: 'tls/' }, renewed)),
    ...outboundKeys(source, base),
    ...(await policyHostKeys(settings, base)),
  ];
  const found = await Promise.all(once(files).map((one) => judge(one, owner)));
  return found.flat();
}

const renewed =
  'Haraka reads it at its start, as root, and cannot when it changes: a renewed one is not used until it is restarted';

function listenerKeys(source: ConfigFiles, base: string): KeyFile[] {
  return listenerFiles(source).map((value) => ({
    file: path.resolve(base, value),
    place: { file: 'tls.ini', value },
    unread: renewed,
  }));
}

function outboundKeys(source: ConfigFiles, base: string): KeyFile[] {
  const known = new Set(listenerFiles(source));
  return harakaTlsFiles(source)
    .filter((value) => !known.has(value))
    .map((value) => ({
      file: path.resolve(base, value),
      place: { file: 'tls.ini', section: 'outbound', value },
      unread: 'hosts that ask for a client certificate are shown none',
    }));
}

async function policyHostKeys({ domains, global }: Settings, base: string): Promise<KeyFile[]> {
  const { listen, certificateDirectory } = global.hosting;
  const named: KeyFile[] = [];
  for (const domain of domains.values()) {
    if (domain.kind !== 'managed' || domain.policy.kind !== 'hosted') continue;
    const { certificateFile, keyFile } = domain.policy;
    const place = (key: string, value: string) => ({ file: domain.file, section: 'mta_sts', key, value });
    for (const [key, value] of [
      ['certificate_file', certificateFile],
      ['key_file', keyFile],
    ] as const)
      if (value !== '') named.push({ file: path.resolve(base, value), place: place(key, value) });
  }
  if (listen.length === 0) return named;
  const directory = path.resolve(base, certificateDirectory);
  const key = 'certificate_directory';
  const place = { file: 'tls-peers.ini', section: 'hosting', key, value: certificateDirectory };
  return [...named, ...(await keysBelow(directory, place, 'policies are not served with it'))];
}

async function keysBelow(directory: string, place: KeyFile['place'], unread: string): Promise<KeyFile[]> {
  const seen = await directoryReader(directory).look();
  return seen.map((one) => ({ file: one.path, place, unread }));
}

/** A file may serve several. What is lost with hosting is lost whatever else it serves. */
function once(files: readonly KeyFile[]): KeyFile[] {
  return [...new Map(files.map((one) => [one.file, one])).values()];
}

async function judge({ file, place, unread }: KeyFile, owner: Owner): Promise<Finding[]> {
  try {
    const text = await readStart(file);
    if (!text.includes('PRIVATE KEY-----') || !(await isOpenToOthers(file))) return [];
    const problem = `${file} holds a key that every user of this machine can read`;
    return [{ severity: 'warning', fault: { ...place, problem, mend: run(`chmod o-rwx ${quoted(file)}`) } }];
  } catch (error) {
    if (!isDenied(error) || unread === undefined) return [];
    const problem = `${owner.name} cannot read ${file}: ${unread}`;
    return [{ severity: 'warning', fault: { ...place, problem, mend: run(letRead(file, 'secret')) } }];
  }
}

/** A key and its chain are a few kilobytes. */
const most = 256 * 1024;

async function readStart(file: string): Promise<string> {
  const handle = await fs.open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) return '';
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(most), 0, most, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Whether a user without any part in it could open it: the file itself, and every directory on the way. */
async function isOpenToOthers(file: string): Promise<boolean> {
  const real = await fs.realpath(file);
  const { mode } = await fs.stat(real);
  if ((mode & 0o004) === 0) return false;
  const above = await Promise.all(ancestorsOf(real).map((one) => fs.stat(one)));
  return above.every((one) => (one.mode & 0o001) !== 0);
}
