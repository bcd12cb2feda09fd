/** CSV as RFC 4180 has it. */

/**
 * The records of `text`. Lines may end in CRLF or LF, a field in quotes may hold either.
 *
 * @throws Error where a quote is not closed, or stands where none may
 */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  const reader = new CsvReader(text.replace(/^\uFEFF/, ''));
  while (!reader.done()) {
    const record = reader.record();
    // A blank line is no record with one empty field.
    if (record.length > 1 || record[0] !== '') records.push(record);
  }
  return records;
}

class CsvReader {
  #at = 0;

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
    if (plain.includes('"')) throw new Error(`line ${this.#line()}: a quote within a field without quotes`);
    this.#at += plain.length;
    return plain;
  }

  #plainEnd(): number {
    const end = /[,\r\n]/g;
    end.lastIndex = this.#at;
    return end.exec(this.#text)?.index ?? this.#text.length;
  }

  #quoted(): string {
    const start = this.#line();
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
    if (end === '') throw new Error(`line ${this.#line()}: something follows a closing quote`);
    this.#at += end.length;
  }

  #line(): number {
    return this.#text.slice(0, this.#at).split(/\r\n|\n|\r/).length;
  }
}

export function formatCsv(records: readonly (readonly string[])[]): string {
  return records.map((record) => `${record.map(field).join(',')}\r\n`).join('');
}

function field(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
