import { directorySource, type SettingsSource } from '../../src/settings/load/source';

/** Configuration files that exist in memory only, read as those on disk are. */
export function memorySource(files: Readonly<Record<string, string>>): SettingsSource {
  const names = Object.keys(files).filter((name) => /^tls-peers\/[^.].*\.ini$/.test(name));
  return {
    ...directorySource('/nonexistent'),
    read: (name) => {
      const text = files[name];
      return text === undefined ? { kind: 'absent' } : { kind: 'file', text };
    },
    domainFiles: () => ({ kind: 'files', names: names.sort() }),
    stamp: () => JSON.stringify(files),
  };
}
