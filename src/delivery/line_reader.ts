/** Lines of a session as Haraka's own line processor reads them: UTF-8, with their line ends. Pure. */
import { StringDecoder } from 'node:string_decoder';

/** As in Haraka's own line processor; in UTF-16 code units. */
export const maxLineLength = 4 * 1024 * 1024;

export class LineReader {
  private readonly decoder = new StringDecoder('utf8');
  private partial = '';

  /** Every line that `chunk` completes, in order. */
  push(chunk: Uint8Array): readonly string[] {
    const text =
      this.partial + this.decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      lines.push(text.slice(start, end + 1));
      start = end + 1;
    }
    this.partial = text.slice(start);
    return lines;
  }

  /** Whether the line that has begun will not be waited for. */
  isTooLong(): boolean {
    return this.partial.length > maxLineLength;
  }
}
