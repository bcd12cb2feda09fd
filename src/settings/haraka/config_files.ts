/** Files of Haraka's config directory, as Haraka reads them. */
import ini from 'haraka-config/lib/readers/ini';

/** A parsed INI file: section, key, value. A value is a string, a number, a list of those, or undefined for `key` alone. */
export type IniValues = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export type FileReading =
  | { readonly kind: 'file'; readonly text: string }
  | { readonly kind: 'absent' }
  /** It is there, so nothing may be concluded from what it seems not to say. */
  | {
      readonly kind: 'unreadable';
      readonly problem: string;
      /** The absolute path, where this process's user may not read it. */
      readonly denied?: string;
    };

export interface ConfigFiles {
  /** The contents of a file; `name` is relative to Haraka's config directory, or absolute. */
  read(name: string): FileReading;
  /** What Haraka makes of `text`. */
  parse(name: string, text: string): IniValues;
}

// It would print its complaints; the locator reports the same lines as faults, with their numbers.
ini.logger = () => undefined;

/** haraka-config's own reader. Values come from it, so that they mean what Haraka says they mean. */
export function parseIni(name: string, text: string): IniValues {
  return ini.parseIni(name, {}, text);
}

/** What Haraka finds in an INI file; nothing where it cannot be read. */
export function iniValues(files: ConfigFiles, name: string): IniValues {
  const reading = files.read(name);
  return reading.kind === 'file' ? files.parse(name, reading.text) : {};
}

/** haraka-config's idea of true; everything else is false. */
export function isTrue(value: string): boolean {
  return /^(?:true|yes|ok|enabled|on|1)$/i.test(value);
}
