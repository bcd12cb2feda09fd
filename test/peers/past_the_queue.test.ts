import { expect, test } from 'vitest';
import { utcDay } from '../../src/peers/day';
import { judgeCustody, type RuledRecipient } from '../../src/peers/past_the_queue';
import { outboundRule } from '../../src/peers/rules';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

const { settings } = loadSettings(
  memorySource({
    'tls-peers/ours.example.ini': `
[outbound]
security_level = opportunistic
${['none', 'opportunistic', 'mandatory', 'verify', 'opportunistic_dane', 'mandatory_dane', 'mta_sts', 'auto']
  .map((level) => `[outbound ${level.replace('_', '-')}.example]\nsecurity_level = ${level}\n`)
  .join('')}
[outbound never.example]
cleartext_fallback = never
[outbound watched.example]
security_level = mandatory
enforcement = monitor
[outbound lapsed.example]
security_level = mandatory
exempt_until = 2026-01-01
`,
    'tls-peers/broken.example.ini': '[outbound]\nsecurity_level = mandatry\n',
  }),
);

function* recipients(sender: string, domains: readonly string[]): Generator<RuledRecipient> {
  for (const domain of domains) {
    yield { domain, found: outboundRule(settings, sender, domain, utcDay(new Date('2026-06-01'))) };
  }
}

const judged = (sender: string, ...domains: string[]) => judgeCustody(recipients(sender, domains));

test.each([
  ['none', 'free'],
  ['opportunistic', 'free'],
  ['mandatory', 'queue_only'],
  ['verify', 'queue_only'],
  ['opportunistic-dane', 'free'],
  ['mandatory-dane', 'queue_only'],
  ['mta-sts', 'free'],
  ['auto', 'free'],
  ['never', 'queue_only'],
  ['watched', 'free'],
  ['lapsed', 'free'],
  ['unlisted', 'free'],
])('mail to a peer at %s is %s', (level, kind) => {
  expect(judged('ours.example', `${level}.example`).kind).toBe(kind);
});

test('one recipient decides for all, wherever it stands', () => {
  const strict = { kind: 'queue_only', rule: 'ours.example [outbound verify.example]', status: '4.7.0' };
  expect(judged('ours.example', 'verify.example', 'none.example')).toMatchObject(strict);
  expect(judged('ours.example', 'none.example', 'VERIFY.Example')).toMatchObject(strict);
  expect(judged('ours.example', 'none.example', 'auto.example').kind).toBe('free');
  expect(judged('ours.example').kind).toBe('free');
});

test('settings that are not valid keep the mail, whoever it is for', () => {
  expect(judged('broken.example', 'none.example')).toMatchObject({
    kind: 'queue_only',
    rule: undefined,
    status: '4.3.5',
    text: expect.stringContaining('broken.example.ini') as unknown,
  });
});

test('the text is one short printable line, whatever the recipient is called', () => {
  const found = outboundRule(settings, 'ours.example', 'verify.example', utcDay(new Date('2026-06-01')));
  for (const domain of ['', 'a\r\n250 ok', 'x'.repeat(5000), '[127.0.0.1]']) {
    const verdict = judgeCustody([{ domain, found }]);
    const text = verdict.kind === 'queue_only' ? verdict.text : '';
    expect(text).toMatch(/^mail to .+ must not leave in cleartext/);
    expect(text).not.toMatch(/\p{Cc}/u);
    expect(text.length).toBeLessThan(300);
  }
});
