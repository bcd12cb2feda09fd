/** What becomes of a message whose session breaks: whether the peer said anything of it decides. */
import { expect, it } from 'vitest';
import { noCapabilities } from '../../src/smtp/capabilities';
import { nextHost } from '../../src/smtp/ending';
import { rollOf } from '../../src/smtp/roll';
import type { EnvelopeCommand } from '../../src/smtp/session';

const data: EnvelopeCommand = { kind: 'data', line: 'DATA' };
const rcpt: EnvelopeCommand = { kind: 'rcpt', line: 'RCPT TO:<b@b>', next: data, recipient: 0 };
const mail: EnvelopeCommand = { kind: 'mail', line: 'MAIL FROM:<a@a>', next: rcpt };

it.each([
  ['the first', 1, 'MAIL', mail, 'next_host'],
  ['the first', 1, 'RCPT', rcpt, 'next_host'],
  ['a later', 2, 'MAIL', mail, 'stale'],
  ['a later', 2, 'RCPT', rcpt, 'next_host'],
] as const)('%s message (%i), at %s', (_which, nth, _at, awaited, kind) => {
  const { effects } = nextHost(
    {
      name: 'envelope',
      turn: { ready: { channel: 'tls', capabilities: noCapabilities }, nth },
      awaited,
      pace: 'one_by_one',
      roll: rollOf([{ kind: 'unanswered' }]),
    },
    { kind: 'lost', text: 'gone', at: 'in_session', answer: 'none' },
  );
  expect(effects.map((effect) => (effect.kind === 'end' ? effect.outcome.kind : effect.kind))).toEqual([
    kind,
    'close',
  ]);
});
