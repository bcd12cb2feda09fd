import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineReader, maxReplyLength } from '../../src/delivery/line_reader';

function read(chunks: readonly Uint8Array[]): string[] {
  const reader = new LineReader();
  return chunks.flatMap((chunk) => reader.push(chunk));
}

describe('lines of a session', () => {
  it('are the same however the octets are cut into packets', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '5', ' ', '\r', '\n', 'é', '☃', '𝄞') });
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 60 })), (said, cuts) => {
        const octets = Buffer.from(said);
        const places = [0, ...cuts.map((cut) => Math.min(cut, octets.length)), octets.length].sort(
          (a, b) => a - b,
        );
        const chunks = places.slice(1).map((end, index) => octets.subarray(places[index], end));
        expect(read(chunks)).toEqual(said.match(/[^\n]*\n/g) ?? []);
      }),
    );
  });

  it('are not collected without end', () => {
    const reader = new LineReader();
    reader.push(Buffer.alloc(maxReplyLength, 'x'));
    expect(reader.isTooLong()).toBe(false);
    reader.push(Buffer.from('x'));
    expect(reader.isTooLong()).toBe(true);
    reader.push(Buffer.from('\n'));
    expect(reader.isTooLong()).toBe(false);
  });

  it('are not collected without end where each announces another one', () => {
    const reader = new LineReader();
    const line = `250-${'x'.repeat(1018)}\r\n`;
    for (let length = 0; length < maxReplyLength; length += line.length) reader.push(Buffer.from(line));
    expect(reader.isTooLong()).toBe(false);
    reader.push(Buffer.from('2'));
    expect(reader.isTooLong()).toBe(true);
    reader.push(Buffer.from('50 x\r\n'));
    expect(reader.isTooLong()).toBe(false);
  });
});
