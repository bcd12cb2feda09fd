/** RFC 8689 through a real Haraka, in short; `npm run test:requiretls` has all of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callIn } from '../../cli/lab_call';
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

test.each<[tag: string, peer: string, said: RegExp, row: RegExp, code: number]>([
  [
    '--requiretls',
    'dane',
    /, with REQUIRETLS, is held to DANE \(.*if it offers REQUIRETLS/s,
    /^try +mx\.dane\.example +.*and it offers REQUIRETLS/m,
    0,
  ],
  [
    '--requiretls',
    'plain',
    /mx\.plain\.example would be refused, because REQUIRETLS is asked for, and nobody\s+vouches/,
    /^refuse +mx\.plain\.example +requiretls-no-tls/m,
    1,
  ],
  [
    '--tls-optional',
    'dane-wrong',
    /, with "TLS-Required: No", is held to TLS where it is offered/,
    /^try /m,
    0,
  ],
  [
    '--offline',
    'dane-wrong',
    /^Mail from me@\S+ to you@\S+ is held to DANE or MTA-STS/,
    /^requiretls +enforce/m,
    0,
  ],
])('explain %s of mail to %s says what a delivery would do', async (tag, peer, said, row, code) => {
  const operands = ['me@auto.ours.example', `you@${peer}.example`];
  const { out, code: ended } = await callIn(station.lab, ['explain', tag, ...operands]);
  expect(out.replace(/\n(?=\S)/g, ' ')).toMatch(said);
  expect(out).toMatch(row);
  expect(ended).toBe(code);
  const { out: asJson } = await callIn(station.lab, ['explain', '--json', tag, ...operands]);
  const asked = { '--requiretls': 'required', '--tls-optional': 'no' }[tag];
  expect((JSON.parse(asJson) as { requiretls?: string }).requiretls).toBe(asked);
});

test.each([
  ['mx.signed.example/signed.example', 'signed', /^try +mx\.signed\.example .*and it offers REQUIRETLS/m],
  ['mx.plain.example/plain.example', 'plain', /^refuse +mx\.plain\.example +requiretls-no-tls/m],
  ['mx.signed.example', 'plain', /^refuse +mx\.signed\.example +requiretls-no-tls/m],
])('explain --requiretls of what a plugin answers: %s for %s', async (mx, peer, row) => {
  const { out } = await callIn(station.lab, [
    ...['explain', '--requiretls', '--mx', mx, '--by', 'elsewhere'],
    ...['me@auto.ours.example', `you@${peer}.example`],
  ]);
  expect(out.replace(/\n +/g, ' ')).toMatch(row);
});

test.each(['--requiretls', '--tls-optional'])('explain %s is for mail that goes out', async (tag) => {
  const { code } = await callIn(station.lab, ['explain', '--inbound', tag, 'a@a.example', 'b@b.example']);
  expect(code).toBe(2);
});

test('what was asked for stands in the log of messages, and is counted', async () => {
  const { id, sender } = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@signed.example' });
  await station.lab.outcome(id);
  const seen = await eventually(async () => {
    const { out } = await callIn(station.lab, ['track', '--json', '--sender', sender]);
    return (JSON.parse(out) as { rows: { outcome: string; requiretls?: string }[] }).rows[0];
  });
  expect(seen).toMatchObject({ outcome: 'delivered', requiretls: 'required' });
  const counted = await eventually(async () => {
    const { out } = await callIn(station.lab, ['traffic', '--json', '--peer', 'signed.example']);
    return (JSON.parse(out) as { peers: { requiretls: object }[] }).peers[0];
  });
  expect(counted?.requiretls).toEqual({ required: 1 });
});

/** What is noted is written a moment later. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const began = Date.now(); Date.now() - began < 20_000;) {
    const found = await look();
    if (found !== undefined) return found;
  }
  return undefined;
}

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
