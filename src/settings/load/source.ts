/** Where configuration files come from. */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../text';
import { parseIni, type ConfigFiles, type FileReading } from '../haraka/config_files';
import { isDenied } from '../../state/access';
import { stateOwner } from '../haraka/state_owner';
import { rulesMemory, type RulesMemory } from './rules_memory';

export const globalFile = 'tls-peers.ini';
export const domainDirectory = 'tls-peers';

export type Listing =
  | { readonly kind: 'files'; readonly names: readonly string[] }
  | Extract<FileReading, { kind: 'unreadable' }>;

export interface SettingsSource extends ConfigFiles {
  /** The files of managed domains as `tls-peers/example.com.ini`, in order. None where the directory does not exist. */
  domainFiles(): Listing;
  /** Files beside those that are not read, although they look meant: `tls-peers/example.com`. */
  strayFiles(): readonly string[];
  /** Which files there were. */
  readonly memory: RulesMemory;
  /** A text that differs once any configuration file, or any of `others`, was changed, added or removed. */
  stamp(others: readonly string[]): string;
}

/**
 * The files in a config directory, read directly and parsed by haraka-config's own reader. Going through `config.get()`
 * of a plugin would answer from its cache for five seconds after a change, fall back to an empty file where one cannot
 * be read, and keep a file alive that was removed.
 *
 * @param stranger what it means that this process may not read which files there were, as in `rulesMemory`
 */
export function directorySource(
  directory: string,
  stranger: 'unknown' | 'nothing' = 'nothing',
): SettingsSource {
  const source: SettingsSource = {
    read: (name) => readText(path.resolve(directory, name)),
    domainFiles: () => listDomainFiles(path.join(directory, domainDirectory)),
    strayFiles: () => listStrayFiles(path.join(directory, domainDirectory)),
    parse: parseIni,
    memory: rulesMemory(path.dirname(path.resolve(directory)), stranger, () => stateOwner(source)),
    stamp: (others) => stamp(directory, others),
  };
  return source;
}

function readText(file: string): FileReading {
  try {
    return { kind: 'file', text: readFileSync(file, 'utf8') };
  } catch (error) {
    return whyUnread(file, error) ?? { kind: 'absent' };
  }
}

function listDomainFiles(directory: string): Listing {
  try {
    const names = readdirSync(directory).filter(isDomainFile).sort();
    return { kind: 'files', names: names.map((name) => `${domainDirectory}/${name}`) };
  } catch (error) {
    return whyUnread(directory, error) ?? { kind: 'files', names: [] };
  }
}

type Unreadable = Extract<FileReading, { kind: 'unreadable' }>;

/**
 * Why `entry` could not be read, `undefined` where there is no such entry. A link whose target is gone, such as one into
 * a file system that is not mounted, is there.
 */
function whyUnread(entry: string, error: unknown): Unreadable | undefined {
  if (isDenied(error)) return { kind: 'unreadable', problem: messageOf(error), denied: entry };
  if (codeOf(error) !== 'ENOENT') return { kind: 'unreadable', problem: messageOf(error) };
  return isLink(entry)
    ? { kind: 'unreadable', problem: 'it is a link to something that does not exist' }
    : undefined;
}

function isLink(entry: string): boolean {
  return lstatSync(entry, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** Editors keep their own files beside ours: `.example.com.ini.swp`, `example.com.ini~`. */
function isDomainFile(name: string): boolean {
  return name.endsWith('.ini') && !name.startsWith('.');
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function stamp(directory: string, others: readonly string[]): string {
  const listing = listDomainFiles(path.join(directory, domainDirectory));
  const names = listing.kind === 'files' ? listing.names : [listing.problem];
  return [globalFile, ...names, ...others].map((name) => stampOf(directory, name)).join('\n');
}

function stampOf(directory: string, name: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path.resolve(directory, name), { bigint: true });
    return `${name} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return `${name} ${String(codeOf(error))} ${isLink(path.resolve(directory, name))}`;
  }
}

function listStrayFiles(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => !isDomainFile(name) && !/^\.|~$/.test(name));
    return names.sort().map((name) => `${domainDirectory}/${name}`);
  } catch {
    // What cannot be listed was reported by loading.
    return [];
  }
}
