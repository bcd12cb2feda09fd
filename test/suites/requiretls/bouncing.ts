/** Bounces of messages that are tagged are tagged, carry the header only, and are not lost for the keyword. */
import type { Checks } from './checks';
import { startStation } from './station';

export async function bouncing(checks: Checks): Promise<void> {
  const station = await startStation({ dsn: 'send' });
  const { lab } = station;
  const bounceOf = async (id: string, host: string): Promise<{ data: string; mail: string }> => {
    const peer = lab.peer(host);
    await peer.until(
      ({ messages }) => messages.some(({ data, from }) => from === '' && data.includes(id)),
      30_000,
    );
    const connection = peer.connections.find(({ messages }) =>
      messages.some(({ data }) => data.includes(id)),
    );
    const at = connection?.messages.findIndex(({ data, from }) => from === '' && data.includes(id)) ?? 0;
    const mails = (connection?.encrypted ?? '').split('\r\n').filter((line) => line.startsWith('MAIL FROM:'));
    return { data: connection?.messages[at]?.data ?? '', mail: mails[at] ?? '' };
  };
  try {
    const tagged = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@plain-bare.example' });
    const bounce = await bounceOf(tagged.id, 'mx.ours.example');
    checks.hold(
      'a bounce for want of TLS is tagged',
      /^MAIL FROM:<>.* REQUIRETLS/.test(bounce.mail),
      bounce.mail,
    );
    checks.hold('it says 5.7.10', /Status: 5\.7\.10/.test(bounce.data), bounce.data);
    checks.hold('it carries the header', bounce.data.includes('Subject: hello'), bounce.data);
    checks.hold('and nothing of the body', !bounce.data.includes('The body of'), bounce.data);
    const bare = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@dane-bare.example' });
    const missing = await bounceOf(bare.id, 'mx.ours.example');
    checks.hold('for want of the keyword, 5.7.30', /Status: 5\.7\.30/.test(missing.data), missing.data);
    const refused = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@refusing.example' });
    const other = await bounceOf(refused.id, 'mx.ours.example');
    checks.hold('a bounce for another reason is tagged, too', / REQUIRETLS/.test(other.mail), other.mail);
    const part = await station.send({
      as: 'auto',
      ask: 'required',
      to: ['ok@mixed.example', 'nobody@mixed.example'],
    });
    const ofPart = await bounceOf(part.id, 'mx.ours.example');
    checks.hold('and one for some of the recipients', / REQUIRETLS/.test(ofPart.mail), ofPart.mail);
    const untagged = await station.send({ as: 'auto', ask: '-', to: 'rcpt@refusing.example' });
    const plain = await bounceOf(untagged.id, 'mx.ours.example');
    checks.hold(
      'bounces of other mail are not',
      plain.mail !== '' && !/REQUIRETLS/.test(plain.mail),
      plain.mail,
    );
    const back = await station.send({
      as: 'auto',
      ask: 'required',
      sender: 'someone@dane-bare.example',
      to: 'rcpt@plain-bare.example',
    });
    const without = await bounceOf(back.id, 'mx.dane-bare.example');
    checks.hold(
      'the missing keyword does not lose a bounce',
      /^MAIL FROM:<>(?!.*REQUIRETLS)/.test(without.mail),
      without,
    );
    const nowhere = await station.send({
      as: 'auto',
      ask: 'required',
      sender: 'someone@plain-bare.example',
      to: 'rcpt@signed-bare.example',
    });
    await lab.haraka.waitForLog(/tls-peers deferred .*peer=plain-bare\.example.*requiretls=required/, {
      timeoutMs: 30_000,
    });
    checks.same(
      'a bounce to where nobody vouches for waits',
      lab.peer('mx.plain-bare.example').messages.filter(({ data }) => data.includes(nowhere.id)).length,
      0,
    );
  } finally {
    await station.stop();
  }
}
