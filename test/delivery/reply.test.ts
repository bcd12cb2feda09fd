import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  offersStartTls,
  present,
  presentEhlo,
  ReplyReader,
  type Reply,
  type ReplyEvent,
} from '../../src/delivery/reply';

function read(...chunks: string[]): ReplyEvent[] {
  const reader = new ReplyReader();
  return chunks.flatMap((chunk) => [...reader.push(Buffer.from(chunk, 'latin1'))]);
}

function reply(text: string): Reply {
  const [event] = read(text);
  if (event?.kind !== 'reply') throw new Error('not a reply');
  return event.reply;
}

describe('replies before TLS', () => {
  test.each([
    ['one line', '220 ready\r\n', ['220']],
    ['several lines', '250-a\r\n250-b\r\n250 c\r\n', ['250']],
    ['a bare LF', '250 ok\n', ['250']],
    ['a code with nothing behind its separator', '250 \r\n', ['250']],
    ['two replies in one packet', '220 go\r\n250 more\r\n', ['220', '250']],
    ['an unfinished reply', '250-a\r\n250-b\r\n', []],
    ['an unfinished line', '220 rea', []],
  ])('reads %s', (_name, text, codes) => {
    expect(read(text).map((event) => (event.kind === 'reply' ? event.reply.code : event.kind))).toEqual(
      codes,
    );
  });

  test.each([
    ['no code', 'hello\r\n'],
    ['a code outside 200 to 599', '199 no\r\n'],
    ['a code behind something else', 'x250 ok\r\n'],
    ['an empty line', '\n'],
    ['a code without a separator', '250\r\n'],
    ['codes that differ within a reply', '250-a\r\n220 b\r\n'],
    ['a carriage return within a line', '250 a\rb\r\n'],
    ['a line of more than 4096 characters', `250 ${'a'.repeat(5000)}\r\n`],
    ['an endless line', '2'.repeat(5000)],
    ['more than 128 lines', '250-a\r\n'.repeat(129)],
  ])('refuses %s', (_name, text) => {
    expect(read(text).map(({ kind }) => kind)).toEqual(['malformed']);
  });

  it('counts the bytes that follow a reply in the same packet', () => {
    expect(read('220 go ahead\r\n250 x')).toMatchObject([{ kind: 'reply', excess: 5 }]);
    expect(read('220 go ahead\r\n')).toMatchObject([{ kind: 'reply', excess: 0 }]);
  });

  test.each(['250-a\r\n250 bc\r\n', '250-a\n250 bc\n'])('keeps all of the text of %j', (text) => {
    expect(reply(text).lines.map((line) => line.text)).toEqual(['a', 'bc']);
  });

  it('reads the same however the bytes are cut', () => {
    const text = '220-mx\r\n220 ready\r\n250-mx\r\n250-SIZE 10\r\n250 STARTTLS\r\n';
    const whole = read(text).flatMap((event) => (event.kind === 'reply' ? [event.reply] : []));
    const cuts = fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 8 });
    fc.assert(
      fc.property(cuts, (at) => {
        const edges = [0, ...at.sort((a, b) => a - b), text.length];
        const chunks = edges.slice(1).map((end, index) => text.slice(edges[index], end));
        const replies = read(...chunks).flatMap((event) => (event.kind === 'reply' ? [event.reply] : []));
        expect(replies).toEqual(whole);
      }),
    );
  });

  it('never throws, and reads nothing but replies', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const reader = new ReplyReader();
        for (const chunk of chunks) {
          for (const event of reader.push(chunk)) {
            if (event.kind === 'reply') expect(event.reply.code).toMatch(/^[2-5]\d\d$/);
          }
        }
      }),
    );
  });
});

describe('STARTTLS in an EHLO reply', () => {
  test.each([
    ['a capability', '250-mx\r\n250 STARTTLS\r\n', true],
    ['in lower case and with blanks', '250-mx\r\n250-starttls \r\n250 SIZE\r\n', true],
    ['behind an enhanced status code', '250-mx\r\n250 2.0.0 STARTTLS\r\n', true],
    ['the greeting itself', '250 STARTTLS\r\n', false],
    ['part of another word', '250-mx\r\n250 XSTARTTLS\r\n', false],
  ])('%s', (_name, text, offered) => {
    expect(offersStartTls(reply(text))).toBe(offered);
  });

  it('is hidden in every form that Haraka would read as an offer', () => {
    const text = '250-STARTTLS\r\n250-2.0.0 STARTTLS\r\n250-#STARTTLS\r\n250-SIZE 9\r\n250 starttls\r\n';
    expect(presentEhlo(reply(text), 'hidden')).toEqual(['250-ok\r\n', '250 SIZE 9\r\n']);
  });

  it('is no more in what Haraka reads than it was in what the peer sent', () => {
    const codes = fc.constantFrom('', '#', '##', '2.0.0 ', '#2.0.0 ', '2.0.0 2.0.0 ', '1.2.3 #');
    const capabilities = fc.constantFrom('STARTTLS', 'starttls ', 'SIZE 9');
    const line = fc.tuple(codes, capabilities).map((parts) => parts.join(''));
    // As in Haraka's outbound/hmail.js.
    const readByHaraka = (text: string) => /^[2345]\d\d[ -]#?(?:\d\.\d\.\d\s)?(.*)/.exec(text)?.[1] ?? '';
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), (lines) => {
        const text = lines.map((one) => `250-${one}\r\n`).join('');
        const seen = presentEhlo(reply(`250-mx\r\n${text}250 DSN\r\n`), 'hidden').map(readByHaraka);
        expect(seen).not.toContain('STARTTLS');
      }),
    );
  });

  it('is offered once, in its plain form', () => {
    expect(presentEhlo(reply('250-mx\r\n250-starttls \r\n250 SIZE 9\r\n'), 'offered')).toEqual([
      '250-mx\r\n',
      '250-SIZE 9\r\n',
      '250 STARTTLS\r\n',
    ]);
  });

  it('leaves other replies as they are', () => {
    expect(present(reply('554-5.7.1 go\r\n554 5.7.1 away\r\n'))).toEqual([
      '554-5.7.1 go\r\n',
      '554 5.7.1 away\r\n',
    ]);
  });
});
