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

describe('the last piece', () => {
  const places = (pieces: readonly string[]): Promise<[string, string][]> =>
    new Promise((resolve) => {
      const taken: [string, string][] = [];
      new MessageSource(
        Readable.from(pieces.map((piece) => Buffer.from(piece))),
        'unknown',
        (piece, place) => {
          taken.push([Buffer.from(piece).toString(), place]);
          return 'written';
        },
        () => resolve(taken),
      );
    });

  it('is told from those before it', async () => {
    expect(await places(['a\r\n', 'b\r\n', 'c\r\n'])).toEqual([
      ['a\r\n', 'within'],
      ['b\r\n', 'within'],
      ['c\r\n', 'last'],
    ]);
  });

  it('brings its own end of line where there is none', async () => {
    expect(await places(['a\r\n', 'b'])).toEqual([
      ['a\r\n', 'within'],
      ['b\r\n', 'last'],
    ]);
    expect(await places(['a\r', '\n'])).toEqual([
      ['a\r', 'within'],
      ['\n', 'last'],
    ]);
  });
});
