/** REQUIRETLS in one session (RFC 8689 sections 2 and 4.2.1), event by event. */
import { describe, expect, test } from 'vitest';
import type { Envelope } from '../../src/smtp/envelope';
import { initial, transition } from '../../src/smtp/machine';
import type { Effect, Event, Outcome, State, Terms } from '../../src/smtp/session';

const path = { text: '<a@from.example>', ascii: '<a@from.example>' };

function termsOf(
  asked: Envelope['requireTls'],
  tls: Terms['tls']['kind'],
  protocol: Terms['protocol'] = 'smtp',
): Terms {
  return {
    protocol,
    ehloName: 'client.example',
    tls: { kind: tls } as Terms['tls'],
    credentials: 'none',
    task: {
      kind: 'deliver',
      envelope: {
        from: path,
        recipients: [path],
        octets: 1,
        ...(asked === undefined ? {} : { requireTls: asked }),
      },
    },
  };
}

function reply(code: string, ...lines: string[]): Event {
  return { kind: 'reply', reply: { code, lines }, excess: 0 };
}

/** What was sent, and how it ended; `terms` are those of the message at hand. */
function played(...events: readonly (readonly [Terms, Event])[]) {
  let state: State = initial;
  const effects: Effect[] = [];
  for (const [terms, event] of events) {
    const step = transition(terms, state, event);
    state = step.state;
    effects.push(...step.effects);
  }
  const sent = effects.flatMap((effect) => (effect.kind === 'send' ? [effect.text.trim()] : []));
  const outcomes = effects.flatMap((effect): Outcome[] => (effect.kind === 'end' ? [effect.outcome] : []));
  return { sent, outcome: outcomes.at(-1) };
}

const toTls = (terms: Terms, before: string[], within: string[]) =>
  [
    [terms, reply('220', 'hello')],
    [terms, reply('250', 'peer', 'STARTTLS', ...before)],
    [terms, reply('220', 'go on')],
    [terms, { kind: 'secured' }],
    [terms, reply('250', 'peer', ...within)],
  ] as const;

describe('a message that must not go without it', () => {
  const terms = termsOf('required', 'required');

  test('is sent where it is offered within TLS, with the parameter', () => {
    expect(played(...toTls(terms, [], ['REQUIRETLS'])).sent.at(-1)).toBe(
      'MAIL FROM:<a@from.example> REQUIRETLS',
    );
  });

  test.each([
    ['not offered', [], []],
    ['offered without TLS alone', ['REQUIRETLS'], []],
  ])('is not where it is %s: QUIT, and the next host', (_what, before, within) => {
    const { sent, outcome } = played(...toTls(terms, before, within));
    expect(sent.at(-1)).toBe('QUIT');
    expect(sent.some((line) => line.startsWith('MAIL'))).toBe(false);
    expect(outcome).toMatchObject({ kind: 'next_host', fault: { kind: 'requiretls_missing' } });
  });

  test('nor is it over LMTP', () => {
    const byLmtp = termsOf('required', 'required', 'lmtp');
    expect(played(...toTls(byLmtp, [], ['REQUIRETLS'])).sent).toEqual([
      'LHLO client.example',
      'STARTTLS',
      'LHLO client.example',
      'MAIL FROM:<a@from.example> REQUIRETLS',
    ]);
    expect(played(...toTls(byLmtp, [], [])).outcome).toMatchObject({ fault: { kind: 'requiretls_missing' } });
  });

  test('is not on a session that carried another message', () => {
    const other = termsOf(undefined, 'required');
    const { sent, outcome } = played(
      ...toTls(other, [], []),
      [other, reply('550', 'no')],
      [terms, { kind: 'next' }],
      [terms, reply('250', 'ok')],
    );
    expect(sent.filter((line) => line.startsWith('MAIL'))).toEqual(['MAIL FROM:<a@from.example>']);
    expect(sent.at(-1)).toBe('QUIT');
    expect(outcome).toMatchObject({ kind: 'next_host', fault: { kind: 'requiretls_missing' } });
  });
});

test('one that may go without it has the parameter within TLS alone', () => {
  const terms = termsOf('where_offered', 'if_offered');
  const plain = played([terms, reply('220', 'hello')], [terms, reply('250', 'peer', 'REQUIRETLS')]);
  expect(plain.sent.at(-1)).toBe('MAIL FROM:<a@from.example>');
  expect(played(...toTls(terms, [], ['REQUIRETLS'])).sent.at(-1)).toBe(
    'MAIL FROM:<a@from.example> REQUIRETLS',
  );
  expect(played(...toTls(terms, [], [])).sent.at(-1)).toBe('MAIL FROM:<a@from.example>');
});

test('other mail never has it', () => {
  const terms = termsOf(undefined, 'required');
  expect(played(...toTls(terms, [], ['REQUIRETLS'])).sent.at(-1)).toBe('MAIL FROM:<a@from.example>');
});
