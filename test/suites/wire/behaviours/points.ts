/** What goes wrong at each command: refusals, farewells, breaks, silence, and what is no reply. */
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
} from '../behaviour';
import {
  close,
  raw,
  reset,
  say,
  silence,
  type Answer,
  type Point,
  type Reactions,
  type Script,
} from '../script';

/** What is answered in place of a proper reply. */
const faults = {
  '451': say('451 4.3.0 later'),
  '550': say('550 5.7.1 not with us'),
  '421': [...say('421 4.3.2 closing'), ...close],
  '354': say('354 what?'),
  'a close': close,
  'a reset': reset,
  silence,
  '650 x': say('650 x'),
  ugh: say('ugh'),
  'half a line, then a close': [...raw('2'), ...close],
} as const satisfies Record<string, Answer>;
type Fault = keyof typeof faults;

/** `opportunistic`, and `mandatory` where it differs. */
type Outcome = readonly [opportunistic: Expected, mandatory?: Expected];

interface Place {
  readonly name: string;
  /** The peer that answers so there. */
  readonly script: (answer: Answer) => Script;
  readonly outcomes: Readonly<Record<Fault, Outcome>>;
}

/** What cannot be spoken with, in any way. */
const unusable = {
  'a close': [lostConnection],
  'a reset': [lostConnection],
  silence: [lostConnection],
  '650 x': [lostConnection],
  ugh: [lostConnection],
  'half a line, then a close': [lostConnection],
} as const satisfies Partial<Record<Fault, Outcome>>;

/** Before TLS nothing that is said there is ground for a bounce where cleartext is forbidden. */
const atGreeting: Place = {
  name: 'the greeting',
  script: (connect) => ({ connect }),
  outcomes: {
    ...unusable,
    '451': [deferred('4.3.0')],
    '550': [bounced('5.7.1'), lostConnection],
    '421': [deferred('4.3.2')],
    '354': [deferred(), deferred()],
  },
};

const atEhlo: Place = {
  name: 'EHLO',
  script: (ehlo) => ({ outside: { ehlo } }),
  outcomes: {
    ...unusable,
    '451': [deferred('4.3.0'), deferred()],
    '550': [inCleartext, noStartTls],
    '421': [deferred('4.3.2')],
    '354': [deferred(), deferred()],
  },
};

const withoutTls = (outcome: Expected): Outcome => [outcome, noStartTls];

const atHelo: Place = {
  name: 'HELO',
  script: (helo) => ({ ehlo: say('502 5.5.1 no EHLO here'), helo }),
  outcomes: {
    'a close': withoutTls(lostConnection),
    'a reset': withoutTls(lostConnection),
    silence: withoutTls(lostConnection),
    '650 x': withoutTls(lostConnection),
    ugh: withoutTls(lostConnection),
    'half a line, then a close': withoutTls(lostConnection),
    '451': withoutTls(deferred('4.3.0')),
    '550': withoutTls(bounced('5.7.1')),
    '421': withoutTls(deferred('4.3.2')),
    '354': withoutTls(deferred()),
  },
};

/** Broken TLS: the same host again without it, or nothing. */
const broken: Outcome = [{ ...inCleartext, hosts: 'mx1*2' }, deferred('4.7.5')];

const atStartTls: Place = {
  name: 'STARTTLS',
  script: (starttls) => ({ starttls }),
  outcomes: {
    'a close': broken,
    'a reset': broken,
    silence: broken,
    '650 x': broken,
    ugh: broken,
    'half a line, then a close': broken,
    '451': broken,
    '550': broken,
    '421': broken,
    '354': broken,
  },
};

const atEhloInTls: Place = {
  name: 'EHLO within TLS',
  script: (ehlo) => ({ inside: { ehlo } }),
  outcomes: {
    ...unusable,
    // In TLS 1.3 a server that refuses the handshake is heard only after the client's own part of it (RFC 8446 section 4.4).
    'a close': broken,
    'a reset': broken,
    '451': [deferred('4.3.0')],
    // As Haraka: HELO.
    '550': [delivered],
    '421': [deferred('4.3.2')],
    '354': [deferred()],
  },
};

function envelopePlace(name: string, point: Point, more: Partial<Record<Fault, Outcome>> = {}): Place {
  return {
    name,
    script: (answer) => ({ [point]: answer }) satisfies Reactions,
    outcomes: {
      ...unusable,
      '451': [deferred('4.3.0')],
      '550': [bounced('5.7.1')],
      '421': [deferred('4.3.2')],
      '354': [deferred()],
      ...more,
    },
  };
}

/** 354 is the proper answer; what comes of it is in the behaviours of the data. */
const atData = envelopePlace('DATA', 'data');

const transferred = ([expected]: Outcome): Outcome => [{ ...expected, copies: '1' }];
const atDot: Place = {
  ...envelopePlace('the final dot', 'body'),
  outcomes: Object.fromEntries(
    Object.entries(envelopePlace('', 'body', { silence: [deferred('4.4.2')] }).outcomes).map(
      ([fault, outcome]) => [fault, transferred(outcome)],
    ),
  ) as Place['outcomes'],
};

const done: Outcome = [delivered];
const atQuit: Place = {
  name: 'QUIT',
  script: (quit) => ({ quit }),
  outcomes: Object.fromEntries(Object.keys(faults).map((fault) => [fault, done])) as Place['outcomes'],
};

const places = [
  atGreeting,
  atEhlo,
  atHelo,
  atStartTls,
  atEhloInTls,
  envelopePlace('MAIL', 'mail'),
  envelopePlace('RCPT', 'rcpt'),
  atData,
  atDot,
  atQuit,
] as const;

export const pointBehaviours: readonly Behaviour[] = places.flatMap(({ name, script, outcomes }) =>
  (Object.keys(faults) as Fault[])
    .filter((fault) => !(name === 'DATA' && fault === '354'))
    .map((fault) => {
      const [expected, mandatory] = outcomes[fault];
      return behaviour(
        `${fault} at ${name}`,
        script(faults[fault]),
        expected,
        mandatory === undefined ? {} : { mandatory },
      );
    }),
);
