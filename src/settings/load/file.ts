/** A configuration file as text, as Haraka reads it, and as the locator sees it. */
import { createHash } from 'node:crypto';
import type { ConfigFiles, FileReading, IniValues } from '../haraka/config_files';
import { headerOf, locate, type LocatedFile, type LocatedSection } from '../ini/locate';
import type { Fault } from '../schema/fault';

/** What a file was made from: digests of the file and of every other file that it names. */
export type Inputs = ReadonlyMap<string, string>;

export interface OpenedFile {
  readonly name: string;
  readonly located: LocatedFile;
  readonly values: IniValues;
}

/** The lines that Haraka would pass over, as faults. */
export function oddLines(file: OpenedFile): Fault[] {
  return file.located.odd.map((odd) => ({ file: file.name, ...odd, section: headerOf(odd.section) }));
}

export function openFile(files: ConfigFiles, name: string, text: string): OpenedFile {
  return { name, located: locate(text), values: files.parse(name, text) };
}

/** An INI file that is there and can be read. */
export function openIfReadable(files: ConfigFiles, name: string): OpenedFile | undefined {
  const reading = files.read(name);
  return reading.kind === 'file' ? openFile(files, name, reading.text) : undefined;
}

/** Where `key` stands in a section, or else the section; `undefined` where neither is written. */
export function lineOf(file: OpenedFile | undefined, section: string, key?: string): number | undefined {
  const at = file?.located.sections.find(({ name }) => name === section);
  return (key === undefined ? undefined : at?.keys.get(key)?.line) ?? at?.line;
}

/** What Haraka found in one section. */
export function valuesOf(file: OpenedFile, section: LocatedSection): Readonly<Record<string, unknown>> {
  return file.values[section.name] ?? {};
}

/** Reads files and remembers what it read, so that a reload can tell whether anything changed. */
export class Recorder {
  readonly #inputs = new Map<string, string>();
  readonly #derived = new Map<string, unknown>();
  readonly #shared = new Map<string, object>();

  constructor(readonly source: ConfigFiles) {}

  read(name: string): FileReading {
    const reading = this.source.read(name);
    this.#inputs.set(name, digest(reading));
    return reading;
  }

  /** What `make` gives for a file that many sections may name, made once. */
  once<T>(name: string, make: (reading: FileReading) => T): T {
    if (!this.#derived.has(name)) this.#derived.set(name, make(this.read(name)));
    return this.#derived.get(name) as T;
  }

  /**
   * One frozen object for all values that are the same. Long lists of peers have few different rules, and a look-up is
   * then mostly among objects that are at hand.
   */
  shared<T extends object>(values: T): T {
    const text = JSON.stringify(values);
    const known = this.#shared.get(text);
    if (known !== undefined) return known as T;
    this.#shared.set(text, Object.freeze(values));
    return values;
  }

  get inputs(): Inputs {
    return this.#inputs;
  }
}

/** Whether every file still reads as it did. */
export function unchanged(source: ConfigFiles, inputs: Inputs): boolean {
  for (const [name, before] of inputs) if (digest(source.read(name)) !== before) return false;
  return true;
}

function digest(reading: FileReading): string {
  return createHash('sha256').update(JSON.stringify(reading)).digest('base64');
}
