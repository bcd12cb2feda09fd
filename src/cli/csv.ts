/** CSV as RFC 4180 has it. */
import { printable } from '../text';

export interface CsvRecord {
  readonly fields: readonly string[];
  /** The first line that it stands on. */
  readonly line: number;
}

/**
 * The records of `text`. Lines may end in CRLF or LF, a field in quotes may hold either.
 *
 * @throws Error where a quote is not closed, or stands where none may
 */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  const reader = new CsvReader(text.replace(/^\uFEFF/, ''));
  while (!reader.done()) {
    const line = reader.line();
    const fields = reader.record();
    // A blank line is no record with one empty field.
    if (fields.length > 1 || fields[0] !== '') records.push({ fields, line });
  }
  return records;
}

class CsvReader {
  #at = 0;
  #counted = 1;
  #countedTo = 0;

  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  done(): boolean {
    return this.#at >= this.#text.length;
  }

  record(): string[] {
    const fields = [this.#field()];
    while (this.#text[this.#at] === ',') {
      this.#at++;
      fields.push(this.#field());
    }
    this.#lineEnd();
    return fields;
  }

  #field(): string {
    if (this.#text[this.#at] === '"') return this.#quoted();
    const plain = this.#text.slice(this.#at, this.#plainEnd());
    if (plain.includes('"')) throw new Error(`line ${this.line()}: a quote within a field without quotes`);
    this.#at += plain.length;
    return plain;
  }

  #plainEnd(): number {
    const end = /[,\r\n]/g;
    end.lastIndex = this.#at;
    return end.exec(this.#text)?.index ?? this.#text.length;
  }

  #quoted(): string {
    const start = this.line();
    let value = '';
    this.#at++;
    for (;;) {
      const end = this.#text.indexOf('"', this.#at);
      if (end === -1) throw new Error(`line ${start}: a quote that is not closed`);
      value += this.#text.slice(this.#at, end);
      this.#at = end + 1;
      if (this.#text[this.#at] !== '"') return value;
      value += '"';
      this.#at++;
    }
  }

  #lineEnd(): void {
    if (this.done()) return;
    const [end = ''] = this.#text.slice(this.#at, this.#at + 2).match(/^(?:\r\n|\n|\r)/) ?? [];
    if (end === '') throw new Error(`line ${this.line()}: something follows a closing quote`);
    this.#at += end.length;
  }

  /** The line where it is now. Counted on from where it was asked for last. */
  line(): number {
    this.#counted += this.#text.slice(this.#countedTo, this.#at).split(/\r\n|\n|\r/).length - 1;
    this.#countedTo = this.#at;
    return this.#counted;
  }
}

export function formatCsv(records: readonly (readonly string[])[]): string {
  return records.map((record) => `${record.map(field).join(',')}\r\n`).join('');
}

/**
 * What others chose, in one line. It must not be a formula to the spreadsheet that opens the file: such a field gets an
 * apostrophe before it.
 */
export function spreadsheetSafe(text: string): string {
  const line = printable(text, 2000);
  return /^[=+\-@＝＋－＠]/.test(line) ? `'${line}` : line;
}

function field(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
