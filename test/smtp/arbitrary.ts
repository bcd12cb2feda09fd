/** Sessions of every kind, for properties: any terms, and peers that do now what they should and now anything at all. */
import fc from 'fast-check';
import type { Credentials } from '../../src/smtp/auth';
import type { Path } from '../../src/smtp/envelope';
import { initial, transition } from '../../src/smtp/machine';
import type { Reply } from '../../src/smtp/reply';
import type { Effect, Event, State, Task, Terms, TlsTerms } from '../../src/smtp/session';

const failure = { reason: 'tls-handshake-failed', text: 'the handshake failed' } as const;

/** What would end a command, hide in a log, or need another charset. */
const hostile = fc
  .array(
    fc.constantFrom(
      'a',
      '\r\n',
      '\n',
      '\r',
      '\0',
      '\t',
      ' ',
      '>',
      '<',
      '"',
      ':',
      'ü',
      '\u202e',
      '\u009b',
      '\x1b',
      '\u2028',
      'DATA',
      '.',
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

const name = fc.oneof({ weight: 3, arbitrary: fc.constant('me.example') }, { weight: 1, arbitrary: hostile });

/** Of the recipient with that index: no two are alike. */
function path(index: number): fc.Arbitrary<Path> {
  const plain = fc.constant({ text: `<${index}@to.example>`, ascii: `<${index}@to.example>` });
  const local = fc.constant({ text: `<${index}ü@to.example>`, ascii: `<${index}ü@to.example>` });
  const domain = fc.constant({
    text: `<${index}@bücher.example>`,
    ascii: `<${index}@xn--bcher-kva.example>`,
  });
  const broken = fc
    .tuple(hostile, hostile, fc.boolean())
    .map(([text, ascii, brackets]) =>
      brackets
        ? { text: `<${index}${text}>`, ascii: `<${index}${ascii}>` }
        : { text, ascii: `${index}${ascii}` },
    );
  return fc.oneof(
    { weight: 6, arbitrary: plain },
    { weight: 1, arbitrary: local },
    { weight: 1, arbitrary: domain },
    { weight: 2, arbitrary: broken },
  );
}

const from: fc.Arbitrary<Path> = fc.oneof(
  { weight: 6, arbitrary: path(99) },
  { weight: 2, arbitrary: fc.constant({ text: '<>', ascii: '<>' }) },
  { weight: 1, arbitrary: hostile.map((ascii) => ({ text: '<>', ascii })) },
);

/** How the password and what it is sent as would look in a log. */
export const password = 'pass-word-in-clear';

const credentials: fc.Arbitrary<Credentials | 'none'> = fc.oneof(
  fc.constant('none' as const),
  fc.record({
    user: fc.oneof(fc.constant('user'), hostile),
    password: fc.constant(password),
    mechanism: fc.constantFrom('any', 'PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2'),
  }),
);

export const anyTls: fc.Arbitrary<TlsTerms> = fc.constantFrom<TlsTerms>(
  { kind: 'required' },
  { kind: 'if_offered' },
  { kind: 'unwanted' },
  { kind: 'broken', failure },
);

const octets = fc.oneof(fc.constant('unknown' as const), fc.integer({ min: 1, max: 300 }));

const delivery: fc.Arbitrary<Task> = fc
  .tuple(from, fc.integer({ min: 1, max: 6 }), octets)
  .chain(([sender, count, size]) =>
    fc.tuple(...Array.from({ length: count }, (_one, index) => path(index))).map((recipients) => ({
      kind: 'deliver' as const,
      envelope: { from: sender, recipients, octets: size },
    })),
  );

export const anyTerms: fc.Arbitrary<Terms> = fc.record({
  protocol: fc.constantFrom('smtp', 'lmtp'),
  ehloName: name,
  tls: anyTls,
  credentials,
  task: fc.oneof(
    { weight: 8, arbitrary: delivery },
    { weight: 1, arbitrary: fc.constant({ kind: 'probe' }) },
  ),
});

/** Lines of an answer to EHLO. */
const keywords = fc.subarray([
  'STARTTLS',
  'PIPELINING',
  'SMTPUTF8',
  '8BITMIME',
  'SIZE 150',
  'AUTH LOGIN PLAIN',
  'AUTH CRAM-MD5',
  'AUTH \x1b[2J\x07 \u202e',
]);

const codes = [
  '200',
  '220',
  '235',
  '250',
  '251',
  '299',
  '300',
  '334',
  '354',
  '421',
  '450',
  '451',
  '454',
  '500',
  '530',
  '550',
  '554',
];

const texts = fc.constantFrom(
  '',
  'ok',
  '5.7.10 TLS first',
  '4.2.2 full',
  '2.0.0 ok',
  'dXNlcg==',
  '\x1b[31m\x07 red',
  '\ufeff'.repeat(1200),
  '界'.repeat(900),
);

const anyReply: fc.Arbitrary<Reply> = fc.record({
  code: fc.constantFrom(...codes),
  lines: fc.oneof(
    fc.array(texts, { minLength: 1, maxLength: 3 }),
    keywords.map((lines) => ['mx', ...lines]),
  ),
});

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reply'),
      reply: anyReply,
      excess: fc.constantFrom(0, 0, 0, 7),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Event>(
      { kind: 'malformed', text: 'garbage' },
      { kind: 'secured' },
      { kind: 'tls_failed', failure, at: 'session' },
      { kind: 'message_sent' },
      { kind: 'message_unreadable', text: 'no such file' },
      { kind: 'lost', by: 'closed', text: 'the peer closed the connection' },
      { kind: 'lost', by: 'cut', text: 'the peer closed the connection' },
      { kind: 'lost', by: 'timeout', text: 'the peer took too long' },
      { kind: 'lost', by: 'attempt', text: 'the time is up' },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('measured'), octets: fc.integer({ min: 1, max: 300 }) }),
  },
);

/** What comes next: what fits the state, or whatever else. `refuse` and `lines` say how it fits. */
interface Move {
  readonly fits: boolean;
  readonly other: Event;
  readonly refuse: boolean;
  readonly lines: readonly string[];
  /** Octets that come behind a reply that fits. */
  readonly excess: number;
}

export const anyMoves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    fits: fc.integer({ min: 0, max: 11 }).map((one) => one > 0),
    other: anyEvent,
    refuse: fc.integer({ min: 0, max: 3 }).map((one) => one === 0),
    lines: keywords,
    excess: fc.integer({ min: 0, max: 15 }).map((one) => (one === 0 ? 7 : 0)),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/** What a peer that knows its trade does, and what goes on outside. */
function fitting(state: State, { refuse, lines }: Move): Event {
  switch (state.name) {
    case 'handshake':
      return { kind: 'secured' };
    case 'measuring':
      return { kind: 'measured', octets: refuse ? 151 : 150 };
    case 'message':
      return { kind: 'message_sent' };
    case 'hello':
      return says('250', ['mx', ...lines]);
    case 'greeting':
    case 'starttls':
      return says('220', ['ready']);
    case 'auth':
      return says(refuse ? '535' : state.progress.answered < 1 ? '334' : '235', ['dXNlcg==']);
    case 'envelope':
      if (state.awaited.kind === 'data') return says('354', ['go']);
      return says(refuse ? '550' : '250', ['answer']);
    default:
      return says(refuse ? '452' : '250', ['2.0.0 queued']);
  }
}

function followed(event: Event, { excess }: Move): Event {
  return event.kind === 'reply' ? { ...event, excess } : event;
}

function says(code: string, lines: readonly string[]): Event {
  return { kind: 'reply', reply: { code, lines }, excess: 0 };
}

export interface Turn {
  readonly before: State;
  readonly event: Event;
  readonly after: State;
  readonly effects: readonly Effect[];
}

export const lost: Event = { kind: 'lost', by: 'closed', text: 'the peer closed the connection' };

/** A whole session: the moves, and in the end the connection is lost. Nothing that goes in may be changed. */
export function play(terms: Terms, moves: readonly Move[]): Turn[] {
  const turns: Turn[] = [];
  let before = deepFreeze(initial);
  deepFreeze(terms);
  for (const move of [...moves, 'lost' as const]) {
    const event =
      move === 'lost' ? lost : deepFreeze(move.fits ? followed(fitting(before, move), move) : move.other);
    const { state: after, effects } = transition(terms, before, event);
    turns.push({ before, event, after, effects });
    before = deepFreeze(after);
  }
  return turns;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
