import { expect, test } from 'vitest';
import { withoutBody } from '../../plugins/tagged_bounces';

const before = [
  'Subject: failure notice\r\n',
  '\r\n',
  '--b\r\n',
  'Content-Type: text/rfc822-headers\r\n',
  '\r\n',
];
const end = ['\r\n', '--b--\r\n'];
const fields = ['Received: from a\r\n\tby b\r\n', 'X-Folded: a\r\n', '\tb\r\n', 'Subject: x\r\n'];

test.each([
  ['a header alone', fields, fields],
  ['a body that no empty line parts from it', [...fields, 'none of it\r\n', 'Dear: you\r\n'], fields],
  ['a field without a name', [...fields, ': secret\r\n', 'X-More: secret\r\n'], fields],
  ['a name with a space in it', [...fields, 'Dear you: secret\r\n'], fields],
  ['nothing but a body', ['none of it\r\n'], []],
  ['a part that looks like it', ['secret\r\n', ...before.slice(-2), 'X: secret\r\n'], []],
])('the bounce of %s', (_, header, kept) => {
  expect(withoutBody([...before, ...header, ...end])).toEqual([...before, ...kept, ...end]);
});

test('a bounce without the header of the message stays as it is', () => {
  expect(withoutBody(['Subject: failure notice\r\n', '\r\n', 'gone\r\n'])).toEqual([
    'Subject: failure notice\r\n',
    '\r\n',
    'gone\r\n',
  ]);
});
