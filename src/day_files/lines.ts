/**
 * The lines of files of counts. The first says what the file is, each other one begins with a check of its rest, so that a
 * damaged line costs that line and counts nothing wrong. Pure.
 */
import { parseDay, type Day } from '../peers/day';

/** How files of one kind begin. */
export interface FileHeader {
  /** With its end. */
  text(day: Day): string;
  parse(line: string): Header;
}

export type Header =
  | { readonly kind: 'header'; readonly day: Day }
  /** Written by a later release: left alone. */
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'foreign' };

/** @param title words; no file of another kind begins with them */
export function fileHeader(title: string, version: number): FileHeader {
  const pattern = new RegExp(`^${title} (\\d{1,6})\t(.*)$`);
  return {
    text: (day) => `${title} ${version}\t${day}\n`,
    parse(line) {
      const [, written, day] = pattern.exec(line) ?? [];
      if (written === undefined) return { kind: 'foreign' };
      if (Number(written) > version) return { kind: 'newer', version: Number(written) };
      const parsed = parseDay(day ?? '');
      return parsed === undefined ? { kind: 'foreign' } : { kind: 'header', day: parsed };
    },
  };
}

export function checkedLine(rest: string): string {
  return `${checkOf(rest)}\t${rest}\n`;
}

/** @returns what is behind the check; `undefined` where the line is damaged, or none of ours */
export function uncheckedLine(line: string): string | undefined {
  const rest = line.slice(checkLength + 1);
  return line[checkLength] === '\t' && line.slice(0, checkLength) === checkOf(rest) ? rest : undefined;
}

const checkLength = 8;

/** FNV-1a: a line that a crash or a disk has damaged is not taken for another. It keeps nobody from writing what they like. */
function checkOf(text: string): string {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return (state >>> 0).toString(16).padStart(checkLength, '0');
}
