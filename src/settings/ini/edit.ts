/** Changes to the text of an INI file that leave everything else, comments above all, as it is. Pure. */
import { locate, type LocatedSection } from './locate';

export interface SectionEdit {
  /** As it stands between the brackets, or is to stand there. */
  readonly header: string;
  /** Keys to write; an empty value takes the key out. Keys that are not named stay. */
  readonly keys: Readonly<Record<string, string>>;
}

/** `text` with the sections written, added at the end where they are missing, and those in `removed` taken out. */
export function editIni(
  text: string,
  edits: readonly SectionEdit[],
  removed: ReadonlySet<string> = new Set(),
): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text === '' ? [] : text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  const { sections } = locate(text);
  const changes = new LineChanges();
  const byName = new Map(sections.map((section) => [section.name, section]));
  const added: string[] = [];
  for (const edit of edits) {
    const section = byName.get(edit.header);
    if (section === undefined) added.push(...newSection(edit));
    else editSection(changes, lines, section, edit);
  }
  for (const section of sections) {
    if (removed.has(section.name)) removeSection(changes, lines, section, sections);
  }
  const out = [...changes.apply(lines), ...added];
  return out.length === 0 ? '' : out.join(newline) + newline;
}

/** Replacements, insertions and removals by line number, applied at once so that numbers stay true meanwhile. */
class LineChanges {
  readonly #replaced = new Map<number, string>();
  readonly #inserted = new Map<number, string[]>();
  readonly #removed = new Set<number>();

  replace(line: number, by: string): void {
    this.#removed.delete(line);
    this.#replaced.set(line, by);
  }

  insertAfter(line: number, text: string): void {
    this.#inserted.set(line, [...(this.#inserted.get(line) ?? []), text]);
  }

  remove(line: number): void {
    this.#removed.add(line);
  }

  apply(lines: readonly string[]): string[] {
    const out = [...(this.#inserted.get(0) ?? [])];
    for (const [index, text] of lines.entries()) {
      const line = index + 1;
      if (!this.#removed.has(line)) out.push(this.#replaced.get(line) ?? text);
      out.push(...(this.#inserted.get(line) ?? []));
    }
    return out;
  }
}

function newSection({ header, keys }: SectionEdit): string[] {
  const given = Object.entries(keys).filter(([, value]) => value !== '');
  return ['', `[${header}]`, ...given.map(([key, value]) => `${key} = ${value}`)];
}

function editSection(
  changes: LineChanges,
  lines: readonly string[],
  section: LocatedSection,
  edit: SectionEdit,
): void {
  const last = lastLineOf(section);
  for (const [key, value] of Object.entries(edit.keys)) {
    const at = section.keys.get(key);
    if (at === undefined) {
      if (value !== '') changes.insertAfter(last, `${key} = ${value}`);
    } else if (value !== at.texts.join(', ')) {
      for (let line = at.line; line <= at.lastLine; line++) {
        if (!isComment(lines[line - 1])) changes.remove(line);
      }
      if (value !== '') changes.replace(at.line, `${key} = ${value}`);
    }
  }
}

/** From the header to the last key, with what follows up to a blank line: comments behind one are about something else. */
function removeSection(
  changes: LineChanges,
  lines: readonly string[],
  section: LocatedSection,
  all: readonly LocatedSection[],
): void {
  const first = section.line ?? 0;
  const later = all.flatMap(({ line }) => (line !== undefined && line > first ? [line] : []));
  const next = Math.min(lines.length + 1, ...later);
  const isBlank = (line: number) => lines[line - 1]?.trim() === '';
  const last = lastLineOf(section);
  let end = last;
  while (end + 1 < next && !isBlank(end + 1)) end++;
  // Comments right above the next header are about that section.
  if (end + 1 === next && later.length > 0) end = last;
  while (end + 1 < next && isBlank(end + 1)) end++;
  for (let line = first; line <= end; line++) changes.remove(line);
}

function lastLineOf({ line, keys }: LocatedSection): number {
  let last = line ?? 0;
  for (const { lastLine } of keys.values()) last = Math.max(last, lastLine);
  return last;
}

function isComment(line: string | undefined): boolean {
  return /^\s*[;#]/.test(line ?? '');
}
