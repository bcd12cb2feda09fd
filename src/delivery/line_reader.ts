/** Lines of a session as Haraka's own line processor reads them: UTF-8, with their line ends. Pure. */
import { StringDecoder } from 'node:string_decoder';

/**
 * What Haraka's own line processor allows one line, in UTF-16 code units. Here a whole reply must do with it: Haraka keeps
 * every line of a reply until the last one.
 */
export const maxReplyLength = 4 * 1024 * 1024;

export class LineReader {
  private readonly decoder = new StringDecoder('utf8');
  private partial = '';
  /** The length of the lines that have announced another one. */
  private announced = 0;

  /** Every line that `chunk` completes, in order. */
  push(chunk: Uint8Array): readonly string[] {
    const text =
      this.partial + this.decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = text.slice(start, end + 1);
      lines.push(line);
      this.announced = line[3] === '-' ? this.announced + line.length : 0;
      start = end + 1;
    }
    this.partial = text.slice(start);
    return lines;
  }

  /** Whether the rest of the reply that has begun will not be waited for. */
  isTooLong(): boolean {
    return this.announced + this.partial.length > maxReplyLength;
  }
}
