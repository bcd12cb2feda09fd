/** RFC 8689 through a real Haraka, in short; `npm run test:requiretls` has all of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStation, type Ask, type Station } from './station';

let station: Station;
beforeAll(async () => {
  station = await startStation({ dsn: 'send' });
}, 60_000);
afterAll(() => station.stop());

test.each<[Ask, string, string]>([
  ['required', 'dane', 'delivered TLS REQUIRETLS'],
  ['required', 'dane-bare', 'bounced 5.7.30'],
  ['required', 'plain', 'bounced 5.7.10'],
  ['required', 'half', 'deferred'],
  ['no', 'dane-wrong', 'delivered TLS'],
  ['-', 'dane', 'delivered TLS'],
  ['-', 'dane-wrong', 'deferred'],
])('%s to %s: %s', async (ask, peer, expected) => {
  const { id, sender } = await station.send({ as: 'auto', ask, to: `rcpt@${peer}.example` });
  const { status, recipients } = await station.lab.outcome(id);
  const [mail = ''] = station.mails(sender);
  const heard = [mail.split(' ')[0] ?? '', / REQUIRETLS( |$)/.test(mail) ? 'REQUIRETLS' : ''];
  const code = status === 'bounced' ? (recipients[0]?.dsn_status ?? '') : '';
  expect([status, code, ...heard].filter((word) => word !== '').join(' ')).toBe(expected);
});

test('a bounce of tagged mail is tagged, and carries nothing of the body', async () => {
  const { id } = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@plain-bare.example' });
  const peer = station.lab.peer('mx.ours.example');
  const isBounce = ({ from, data }: { from: string; data: string }) => from === '' && data.includes(id);
  await peer.until(({ messages }) => messages.some(isBounce));
  expect(peer.messages.find(isBounce)?.data).not.toContain('The body of');
  const mails = station.mails('');
  expect(mails.length).toBeGreaterThan(0);
  for (const mail of mails) expect(mail).toMatch(/^TLS MAIL FROM:<>.* REQUIRETLS$/);
});

test('without TLS it is refused', async () => {
  const { heard } = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@dane.example', tls: false });
  expect(heard.ehlo).not.toContain('REQUIRETLS');
  expect(heard.mail).toMatch(/^530 5\.7\.10 /);
});
