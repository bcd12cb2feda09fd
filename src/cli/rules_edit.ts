/** Changes to the files with rules: what would be wrong with them afterwards, and writing them. */
import path from 'node:path';
import { loadSettings, type Loaded } from '../settings/load/load';
import { globalFile, type SettingsSource } from '../settings/load/source';
import type { Fault } from '../settings/schema/fault';
import type { RulesFile } from './managed_file';
import { createFile, replaceFile } from './replace_file';

/** The install as it would be if these files held these texts, by name. */
function withTexts(source: SettingsSource, texts: ReadonlyMap<string, string>): SettingsSource {
  const domains = [...texts.keys()].filter((name) => name !== globalFile);
  return {
    ...source,
    read: (file) => {
      const text = texts.get(file);
      return text === undefined ? source.read(file) : { kind: 'file', text };
    },
    domainFiles: () => {
      const listing = source.domainFiles();
      if (listing.kind === 'unreadable') return listing;
      return { kind: 'files', names: [...new Set([...listing.names, ...domains])].sort() };
    },
  };
}

/** What is then in force, and what would be wrong with those files. */
export function loadedWith(
  source: SettingsSource,
  texts: ReadonlyMap<string, string>,
): Pick<Loaded, 'settings'> & { readonly faults: readonly Fault[] } {
  const { settings, faults } = loadSettings(withTexts(source, texts));
  return { settings, faults: faults.filter(({ file }) => texts.has(file)) };
}

/** @throws CommandError where that cannot be done; the file is then what it was */
export async function writeRules(directory: string, { name, state }: RulesFile, text: string): Promise<void> {
  const file = path.join(directory, name);
  if (state === 'present') await replaceFile(file, text);
  else await createFile(directory, name, text.trimStart());
}
