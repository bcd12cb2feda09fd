/**
 * Where things stand in an INI file. The values themselves come from haraka-config; this reads the same text by the
 * same rules for line numbers, for values as they were written (haraka-config turns `1.30` into 1.3), and for
 * everything that haraka-config would pass over without a word.
 */

export interface LocatedKey {
  /** Where the key stands first. */
  readonly line: number;
  /** Where its value ends, which may be some lines further on. */
  readonly lastLine: number;
  /** As written, one for each `key[]` line. */
  readonly texts: readonly string[];
  /** Where each of `texts` stands, for a `key[]`; otherwise empty. */
  readonly lines: readonly number[];
}

/** What a later line of the same key in the same section takes the place of. */
export interface SupersededKey extends Pick<LocatedKey, 'line' | 'texts'> {
  readonly key: string;
}

export interface LocatedSection {
  /** As written between the brackets, `main` for what stands above the first section. */
  readonly name: string;
  /** Of the header; absent for `main`, which needs none. */
  readonly line: number | undefined;
  /** By key without `[]`. */
  readonly keys: ReadonlyMap<string, LocatedKey>;
  readonly superseded: readonly SupersededKey[];
}

/** A line that does not mean what it seems to mean. */
export interface OddLine {
  readonly line: number;
  readonly section: string;
  readonly key?: string;
  readonly value?: string;
  readonly problem: string;
}

export interface LocatedFile {
  readonly sections: readonly LocatedSection[];
  readonly odd: readonly OddLine[];
}

// haraka-config's own grammar; a test holds the two together.
const header = /^\s*\[([^\]]*)\]\s*$/;
const parameter = /^\s*([\w@:._+\-/[\]]+)\s*(?:=\s*(.*?)\s*)?$/;
const skipped = /^\s*(?:[;#].*)?$/;
const continued = /\\[ \t]*$/;
const unsafe = new Set(['__proto__', 'constructor', 'prototype']);

export const mainSection = 'main';

/** What stands in the brackets, for people; `undefined` for `main`, which has none. */
export function headerOf(section: string): string | undefined {
  return section === mainSection ? undefined : section;
}

/** One for all: most keys are no lists, and there may be many. Never written to. */
const noLines: number[] = [];

interface OpenKey {
  line: number;
  lastLine: number;
  list: boolean;
  texts: string[];
  lines: number[];
}

interface OpenSection {
  name: string;
  line: number | undefined;
  keys: Map<string, OpenKey>;
  superseded: SupersededKey[];
}

/** The beginning of a line that goes on in the next one. */
interface Begun {
  readonly text: string;
  readonly line: number;
}

/** Finds every section and key of `text`, and every line that haraka-config would ignore or merge. */
export function locate(text: string): LocatedFile {
  const locator = new Locator();
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) locator.take(line, index + 1);
  return locator.finish();
}

class Locator {
  readonly #sections = new Map<string, OpenSection>();
  readonly #odd: OddLine[] = [];
  #current = this.#open(mainSection, undefined);
  #begun: Begun | undefined;

  take(line: string, number: number): void {
    if (skipped.test(line)) return;
    const section = header.exec(line)?.[1];
    if (section !== undefined) this.#enter(section.trim(), number);
    else if (continued.test(line)) this.#hold(line.replace(continued, ''), number);
    else this.#parameter(line, number);
  }

  finish(): LocatedFile {
    this.#unfinished('the file ends within a continued line');
    return { sections: [...this.#sections.values()], odd: this.#odd };
  }

  /** Says `problem` of a line that was to go on. A backslash alone says nothing, and loses nothing. */
  #unfinished(problem: string): void {
    if (this.#begun !== undefined && this.#begun.text !== '') this.#note(this.#begun.line, problem);
  }

  #open(name: string, line: number | undefined): OpenSection {
    const section = { name, line, keys: new Map<string, OpenKey>(), superseded: [] };
    this.#sections.set(name, section);
    return section;
  }

  #enter(name: string, line: number): void {
    this.#unfinished('the continued line runs into a section');
    const earlier = this.#sections.get(name);
    if (unsafe.has(name)) {
      this.#current = { name, line, keys: new Map(), superseded: [] };
      this.#note(line, 'Haraka ignores a section of this name');
    } else if (earlier === undefined) {
      this.#current = this.#open(name, line);
    } else {
      this.#current = earlier;
      // `[main]` is a way to write the header of what otherwise has none.
      if (earlier.line === undefined) earlier.line = line;
      else this.#note(line, `the section stands twice, first at line ${earlier.line}`);
    }
  }

  #hold(text: string, line: number): void {
    this.#begun = { text: (this.#begun?.text ?? '') + text, line: this.#begun?.line ?? line };
  }

  #parameter(rest: string, number: number): void {
    const line = this.#begun?.line ?? number;
    const whole = (this.#begun?.text ?? '') + rest;
    this.#begun = undefined;
    const [, name, value] = parameter.exec(whole) ?? [];
    const list = name !== undefined && name.length > 2 && name.endsWith('[]');
    // haraka-config takes the first pair of brackets, wherever it stands.
    const key = list ? name.replace('[]', '') : (name ?? '');
    if (key === '')
      this.#note(line, 'Haraka ignores this line, it is no `key = value`', { value: whole.trim() });
    else if (unsafe.has(key)) this.#note(line, 'Haraka ignores a key of this name', { key });
    else if (value === undefined) this.#note(line, 'has no value', { key });
    else this.#add(key, value, { line, lastLine: number, list });
  }

  #add(key: string, value: string, at: Omit<OpenKey, 'texts' | 'lines'>): void {
    const { keys, superseded } = this.#current;
    const earlier = keys.get(key);
    if (earlier?.list === true && at.list) {
      earlier.texts.push(value);
      earlier.lines.push(at.line);
      earlier.lastLine = at.lastLine;
      return;
    }
    if (earlier !== undefined) {
      this.#note(at.line, `the key stands twice, first at line ${earlier.line}`, { key, value });
      superseded.push({ key, line: earlier.line, texts: earlier.texts });
    }
    keys.set(key, { ...at, texts: [value], lines: at.list ? [at.line] : noLines });
  }

  #note(line: number, problem: string, about: Pick<OddLine, 'key' | 'value'> = {}): void {
    this.#odd.push({ line, section: this.#current.name, ...about, problem });
  }
}
