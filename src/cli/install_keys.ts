/** The certificates and keys of an install, as Haraka's tls plugin finds them. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import path from 'node:path';
import { pairKeys, readPem } from '../hosting/pem';
import { directoryReader, fileReader, type FileReader } from '../hosting/pem_files';
import type { ConfigFiles } from '../settings/haraka/config_files';
import { listenerFiles } from '../settings/haraka/read_ahead';
import { messageOf } from '../text';
import { CommandError } from './command';
import type { Chain } from './zone';

/**
 * The chains that Haraka's tls plugin has a key for: those of tls.ini as they are, and the certificates in config/tls without
 * their issuers, which it never sends.
 */
export async function presented(source: ConfigFiles, directory: string): Promise<Chain[]> {
  const [main, byName] = await Promise.all([
    chainsOf(fileReader(directory, tlsIniFiles(source))),
    chainsOf(directoryReader(path.join(directory, 'tls'))),
  ]);
  return [...main, ...byName.map(([leaf]): Chain => [leaf])];
}

async function chainsOf(reader: FileReader): Promise<Chain[]> {
  const { files } = await reader.read();
  return pairKeys(files).pairs.map(({ leaf, file, chainPem }) => {
    const [, ...issuers] = readPem({ name: file, text: chainPem }).chain.map(
      ({ certificate }) => certificate,
    );
    return [leaf, ...issuers];
  });
}

function tlsIniFiles(source: ConfigFiles): string[] {
  return listenerFiles(source).filter((name) => source.read(name).kind === 'file');
}

/** @throws CommandError where `file` holds neither a certificate nor a key */
export function nextKey(source: ConfigFiles, file: string): KeyObject {
  const reading = source.read(path.resolve(file));
  if (reading.kind !== 'file') throw new CommandError(`${file} cannot be read`);
  try {
    return createPublicKey(reading.text);
  } catch (error) {
    throw new CommandError(`${file} holds neither a certificate nor a key: ${messageOf(error)}`);
  }
}
