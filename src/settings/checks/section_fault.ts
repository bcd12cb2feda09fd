/** Where a section is to be put right. Pure. */
import type { Section } from '../../peers/section';
import type { Fault } from '../schema/fault';

/** A fault at `key` of a section, or at its header where no key is named, or that key is not written. */
export function atSection(section: Section<object>, problem: string, key?: string): Fault {
  const written = key === undefined ? undefined : (section.values as Readonly<Record<string, unknown>>)[key];
  const value = typeof written === 'string' ? written : undefined;
  const line = (key === undefined ? undefined : section.lines[key]) ?? section.line;
  return { file: section.file, line, section: headerIn(section), key, value, problem };
}

/** What stands between the brackets. */
export function headerIn(section: Section<object>): string {
  return /\[(.*)\]$/.exec(section.name)?.[1] ?? '';
}
