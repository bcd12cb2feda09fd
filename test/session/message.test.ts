/** A message that is not whole in the queue is not sent as if it were. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { MessageSource, type Sent } from '../../src/session/message';

function read(
  pieces: readonly string[],
  expected: number | 'unknown',
): Promise<{ sent: Sent; taken: string }> {
  return new Promise((resolve) => {
    let taken = '';
    new MessageSource(
      Readable.from(pieces.map((piece) => Buffer.from(piece))),
      expected,
      (piece) => {
        taken += Buffer.from(piece).toString();
        return 'written';
      },
      (sent) => resolve({ sent, taken }),
    );
  });
}

describe('a message on its way', () => {
  it.each([
    [['a\r\n'], 3, 'whole', 'a\r\n'],
    [['a\r\n'], 'unknown', 'whole', 'a\r\n'],
    [['a\r', '\nb'], 4, 'whole', 'a\r\nb\r\n'],
    [['a\n'], 2, 'whole', 'a\n\r\n'],
    [[], 0, 'whole', ''],
    [['a\r\n'], 4, 'unreadable', 'a\r\n'],
    [[], 1, 'unreadable', ''],
  ] as const)('%j of %s octets: %s', async (pieces, expected, kind, taken) => {
    expect(await read(pieces, expected)).toMatchObject({ sent: { kind }, taken });
  });
});
