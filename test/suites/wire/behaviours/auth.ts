/** Routes with credentials (RFC 4954). */
import { createHmac } from 'node:crypto';
import {
  behaviour,
  bounced,
  deferred,
  delivered,
  inCleartext,
  lostConnection,
  noStartTls,
  type Behaviour,
  type Expected,
  type Target,
} from '../behaviour';
import { close, raw, say, type About, type Answer, type Script } from '../script';

const user = 'the-user';
const password = 'the-p\u00e4ssword';

const withAuth =
  (type?: string) =>
  ([mx]: readonly Target[]): unknown => ({
    exchange: mx!.host,
    port: mx!.port,
    auth_user: user,
    auth_pass: password,
    ...(type === undefined ? {} : { auth_type: type }),
  });

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const welcome = say('235 2.7.0 welcome');
const refused = say('535 5.7.8 wrong credentials');
const challenge = '<1896.697170952@mx.wire.example>';

const plain = ({ line }: About): Answer =>
  line === `AUTH PLAIN ${base64(`\0${user}\0${password}`)}` ? welcome : refused;

/** Takes any of the three, and only with the right credentials. */
const checking: Script = {
  auth: (about) => {
    if (/^AUTH LOGIN$/i.test(about.line)) return say(`334 ${base64('Username:')}`);
    return /^AUTH CRAM-MD5$/i.test(about.line) ? say(`334 ${base64(challenge)}`) : plain(about);
  },
  auth_line: ({ line, time }) => {
    const digest = createHmac('md5', password).update(challenge).digest('hex');
    if (line === base64(`${user} ${digest}`)) return welcome;
    if (time === 0) return line === base64(user) ? say(`334 ${base64('Password:')}`) : refused;
    return line === base64(password) ? welcome : refused;
  },
  mail: ({ line }) => (/AUTH=/.test(line) ? say('555 5.5.4 no AUTH parameter, please') : 'ordinary'),
};

const offering = (mechanisms: string, more: Script = checking): Script => ({
  ...more,
  offers: ['8BITMIME', ...(mechanisms === '' ? [] : [mechanisms])],
});

const login = (user: string, password: string): Script => ({
  ...checking,
  auth: say(`334 ${user}`),
  auth_line: ({ time }) => (time === 0 ? say(`334 ${password}`) : welcome),
});

const rows: readonly (readonly [
  name: string,
  script: Script,
  type: string | undefined,
  expected: Expected,
])[] = [
  ['PLAIN', offering('AUTH PLAIN LOGIN CRAM-MD5'), 'PLAIN', delivered],
  ['plain in lower case in the route', offering('AUTH PLAIN LOGIN CRAM-MD5'), 'plain', delivered],
  ['LOGIN', offering('AUTH PLAIN LOGIN CRAM-MD5'), 'LOGIN', delivered],
  ['CRAM-MD5', offering('AUTH PLAIN LOGIN CRAM-MD5'), 'CRAM-MD5', delivered],
  ['any of three', offering('AUTH PLAIN LOGIN CRAM-MD5'), undefined, delivered],
  ['any of two', offering('AUTH LOGIN PLAIN'), undefined, delivered],
  ['LOGIN where nothing else is offered', offering('AUTH LOGIN'), undefined, delivered],
  ['mechanisms that nobody knows', offering('AUTH XOAUTH2 GSSAPI'), undefined, delivered],
  ['another mechanism than the route asks for', offering('AUTH LOGIN'), 'PLAIN', delivered],
  ['a mechanism in the route that nobody knows', offering('AUTH XOAUTH2 PLAIN'), 'XOAUTH2', delivered],
  ['AUTH is not offered', offering(''), 'PLAIN', delivered],
  ['auth plain offered in lower case', offering('auth plain'), 'PLAIN', delivered],
  ['refused with 535', offering('AUTH PLAIN', { auth: refused }), 'PLAIN', bounced('5.7.8')],
  ['refused with 530', offering('AUTH PLAIN', { auth: say('530 5.7.0 no') }), 'PLAIN', bounced('5.7.0')],
  ['refused with 454', offering('AUTH PLAIN', { auth: say('454 4.7.0 later') }), 'PLAIN', deferred('4.7.0')],
  [
    'refused with 421',
    offering('AUTH PLAIN', { auth: [...say('421 4.7.0 later'), ...close] }),
    'PLAIN',
    deferred('4.7.0'),
  ],
  [
    'LOGIN, refused at the password',
    offering('AUTH LOGIN', {
      ...checking,
      auth_line: ({ time }) => (time === 0 ? say(`334 ${base64('Password:')}`) : refused),
    }),
    'LOGIN',
    bounced('5.7.8'),
  ],
  [
    'LOGIN, deferred at the password',
    offering('AUTH LOGIN', {
      ...checking,
      auth_line: ({ time }) => (time === 0 ? say(`334 ${base64('Password:')}`) : say('454 4.7.0 later')),
    }),
    'LOGIN',
    deferred('4.7.0'),
  ],
  [
    'LOGIN, prompts in lower case',
    offering('AUTH LOGIN', login(base64('username:'), base64('password:'))),
    'LOGIN',
    { outcome: 'safe' },
  ],
  ['LOGIN, prompts without text', offering('AUTH LOGIN', login('', '')), 'LOGIN', { outcome: 'safe' }],
  [
    'PLAIN, asked for once more',
    offering('AUTH PLAIN', { ...checking, auth: say('334 ') }),
    'PLAIN',
    { outcome: 'safe' },
  ],
  [
    'CRAM-MD5, a challenge that is no base64',
    offering('AUTH CRAM-MD5', { ...checking, auth: say('334 \x07!!') }),
    'CRAM-MD5',
    { outcome: 'safe' },
  ],
  ['a close', offering('AUTH PLAIN', { auth: close }), 'PLAIN', lostConnection],
  ['ugh', offering('AUTH PLAIN', { auth: say('ugh') }), 'PLAIN', lostConnection],
  ['bare 235', offering('AUTH PLAIN', { auth: raw('235\r\n') }), 'PLAIN', delivered],
];

export const authBehaviours: readonly Behaviour[] = [
  ...rows.map(([name, script, type, expected]) =>
    behaviour(`AUTH, ${name}`, script, expected, { route: withAuth(type) }),
  ),
  behaviour(
    'AUTH, and STARTTLS is not offered',
    { ...offering('AUTH PLAIN'), tls: 'withheld' },
    inCleartext,
    {
      route: withAuth('PLAIN'),
      mandatory: noStartTls,
    },
  ),
  behaviour(
    'AUTH, offered before TLS and not within',
    {
      ...checking,
      outside: { ehlo: say('250-mx', '250-AUTH PLAIN', '250 STARTTLS') },
      inside: { ehlo: say('250-mx', '250 8BITMIME') },
    },
    delivered,
    { route: withAuth('PLAIN') },
  ),
  behaviour(
    'the name in EHLO, as the route has it',
    {
      ehlo: ({ line }) =>
        /^EHLO helo\.wire\.example$/.test(line) ? 'ordinary' : say('421 4.7.0 not that name'),
    },
    delivered,
    { route: ([mx]) => ({ exchange: mx!.host, port: mx!.port, bind_helo: 'helo.wire.example' }) },
  ),
];
