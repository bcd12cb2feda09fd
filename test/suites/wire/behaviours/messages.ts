/** Messages of every shape, to hosts that do nothing out of the ordinary: what arrives is what was sent. */
import { behaviour, delivered, inCleartext, noStartTls, withBody, type Behaviour } from '../behaviour';
import type { Script } from '../script';

/** Haraka reads its queue files in pieces of this size; what matters may fall apart there. */
const piece = 65_536;

const shapes: readonly (readonly [name: string, message: string])[] = [
  ['without a body', withBody('')],
  ['with one empty line', withBody('\r\n')],
  ['that ends in many empty lines', withBody(`The body.${'\r\n'.repeat(50)}`)],
  ['without a line end at its end', withBody('The body.')],
  ['of dots', withBody('.\r\n..\r\n...\r\n.\r\n')],
  ['whose lines begin with dots', withBody('.one\r\n..two\r\n...three\r\nfour.\r\n')],
  ['that ends in a dot', withBody('The body.\r\n.')],
  ['that holds what ends a message', withBody('one\r\n.\r\nQUIT\r\nMAIL FROM:<x@wire.example>\r\n')],
  ['with a line of 998 characters', withBody(`${'x'.repeat(998)}\r\n`)],
  ['with a line of 100 KB', withBody(`${'x'.repeat(100_000)}\r\n`)],
  ['of octets above 127', withBody('\x80\x81\xfe\xff \xc3\xa4\r\n')],
  ['with NULs and other control characters', withBody('a\0b\x01\x07\x1b[31m\x7f\r\n')],
  ['with tabs and blanks at line ends', withBody('one \r\ntwo\t\r\n \r\n')],
  ['of one piece of the queue file, with dots', withBody('.\r\n'.repeat(piece))],
  ['of 40,000 lines', withBody('A line of the message.\r\n'.repeat(40_000))],
  ['of 1 MB of empty lines', withBody('\r\n'.repeat(500_000))],
];

/** Lines that begin with a dot at every place around the border of a piece. */
const bordering: readonly (readonly [name: string, message: string])[] = [0, 1, 2, 3].map((shift) => [
  `with dots at the border of the pieces, moved by ${shift}`,
  withBody(`${'x'.repeat(shift)}\r\n${'.x\r\n'.repeat(piece)}`),
]);

const without: Script = { tls: 'withheld' };

export const messageBehaviours: readonly Behaviour[] = [
  ...[...shapes, ...bordering].map(([name, message]) =>
    behaviour(`a message ${name}`, {}, delivered, { message }),
  ),
  ...shapes
    .filter(([name]) => /dots|NUL|100 KB|without/.test(name))
    .map(([name, message]) =>
      behaviour(`a message ${name}, without TLS`, without, inCleartext, { message, mandatory: noStartTls }),
    ),
];
