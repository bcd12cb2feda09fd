/** An envelope of 50,000 recipients: were each answer to cost as much as all of them, this would take minutes. */
import { expect, it } from 'vitest';
import { initial, transition } from '../../src/smtp/machine';
import type { Event, Outcome, State, Terms } from '../../src/smtp/session';

const count = 50_000;
const recipients = Array.from({ length: count }, (_, i) => ({ text: `<${i}@b>`, ascii: `<${i}@b>` }));
const from = { text: '<a@a>', ascii: '<a@a>' };

function reply(code: string, ...lines: string[]): Event {
  return { kind: 'reply', reply: { code, lines: lines.length === 0 ? ['ok'] : lines }, excess: 0 };
}

function outcomeOf(protocol: Terms['protocol'], events: Iterable<Event>): Outcome | 'none' {
  const terms: Terms = {
    protocol,
    ehloName: 'me.example',
    tls: { kind: 'unwanted' },
    credentials: 'none',
    task: { kind: 'deliver', envelope: { from, recipients, octets: 'unknown' } },
  };
  let state: State = initial;
  for (const event of events) {
    const step = transition(terms, state, event);
    state = step.state;
    for (const effect of step.effects) if (effect.kind === 'end') return effect.outcome;
  }
  return 'none';
}

function* conversation(keyword: string, finals: number): Generator<Event> {
  yield reply('220', 'mx');
  yield reply('250', 'mx', keyword);
  yield reply('250');
  for (let i = 0; i < count; i++) yield reply(i % 3 === 0 ? '550' : '250');
  yield reply('354');
  yield { kind: 'message_sent' };
  for (let i = 0; i < finals; i++) yield reply(i % 2 === 0 ? '250' : '450');
}

const refused = Math.ceil(count / 3);

it.each(['PIPELINING', 'HELP'])('has each answer in its place, with %s offered', (keyword) => {
  const outcome = outcomeOf('smtp', conversation(keyword, 1));
  const kinds =
    outcome !== 'none' && outcome.kind === 'settled' ? outcome.recipients.map(({ kind }) => kind) : [];
  expect(kinds).toEqual(recipients.map((_, i) => (i % 3 === 0 ? 'refused' : 'delivered')));
});

it('has each answer of LMTP in its place', () => {
  const outcome = outcomeOf('lmtp', conversation('PIPELINING', count - refused));
  const kinds =
    outcome !== 'none' && outcome.kind === 'settled' ? outcome.recipients.map(({ kind }) => kind) : [];
  let nth = 0;
  expect(kinds).toEqual(
    recipients.map((_, i) => (i % 3 === 0 ? 'refused' : nth++ % 2 === 0 ? 'delivered' : 'deferred')),
  );
});
