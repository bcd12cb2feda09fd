/** Where a section is to be put right. Pure. */
import { formatPeer, parsePeer } from '../../peers/index';
import type { Section } from '../../peers/section';
import { formatFault, type Fault } from '../schema/fault';

/** A fault at `key` of a section, or at its header where no key is named, or that key is not written. */
export function atSection(section: Section<object>, problem: string, key?: string): Fault {
  const written = key === undefined ? undefined : (section.values as Readonly<Record<string, unknown>>)[key];
  // A level may be written by its name in Postfix: what is not in the file is not quoted.
  const value = typeof written === 'string' && key !== 'security_level' ? written : undefined;
  const line = (key === undefined ? undefined : section.lines[key]) ?? section.line;
  return { file: section.file, line, section: headerIn(section), key, value, problem };
}

/** What stands between the brackets. */
export function headerIn(section: Section<object>): string {
  return /\[(.*)\]$/.exec(section.name)?.[1] ?? '';
}

/** The peer of a section in its one form; empty for a default. A wildcard's text fits every wildcard that covers it. */
export function peerText(section: Section<object>): string {
  const peer = parsePeer(headerIn(section).split(/\s+/)[1] ?? '');
  return peer === undefined ? '' : formatPeer(peer);
}

/** A section that gives several rules is found wanting for each of them. */
export function onceEach(found: readonly Fault[]): Fault[] {
  return [...new Map(found.map((fault) => [formatFault(fault), fault])).values()];
}
