/** Peers that drip: every octet is a sign of life to a socket, and none of them brings the message further. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeoutsText } from '../../../haraka-test-harness/ini';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { Behaviour, Step } from '../../../haraka-test-harness/behaviours';

const drip = (text: string): Step => ({ do: 'drip', text, everyMs: 100 });

const peers: Record<string, Behaviour> = {
  banner: { greeting: drip('220-wait\r\n') },
  mail: { secured: { mail: drip('250-wait\r\n') } },
  octets: { secured: { message: drip('2') } },
  cleartext: { starttlsOffer: 'withheld', mail: drip('250-wait\r\n') },
  quit: { secured: { quit: drip('221-wait\r\n') } },
  quits: { secured: { quit: drip('221 2.0.0 bye\r\n') } },
  flood: { secured: { quit: drip('x'.repeat(1024 * 1024)) } },
};

describe('a peer that drips', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab(
      {
        domains: Object.fromEntries(
          Object.entries(peers).map(([name, behaviour]) => [`${name}.example`, { mx: [{ behaviour }] }]),
        ),
      },
      {
        config: {
          'tls-peers.ini': timeoutsText(2),
          'tls-peers/ours.example.ini':
            '[outbound]\nsecurity_level = mandatory\n[outbound cleartext.example]\nsecurity_level = none\n',
        },
      },
    );
  });
  afterAll(async () => {
    await lab.stop();
  });

  it.each([
    ['banner', '4.4.1', 'the peer took too long to greet'],
    ['mail', '4.4.1', 'the peer took too long to answer MAIL'],
    ['octets', '4.4.2', 'the peer took too long to answer the final dot'],
    ['cleartext', '4.4.1', 'the peer took too long to answer MAIL'],
  ])('at %s is given up with %s: %s', async (name, status, text) => {
    const outcome = await lab.deliver({ from: 'a@ours.example', to: `b@${name}.example` });
    expect(outcome).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: status }] });
    expect(outcome.error).toContain(text);
    await lab.peer(`mx.${name}.example`).settled();
  });

  it.each(['quit', 'quits', 'flood'])('after QUIT loses its connection: %s', async (name) => {
    const outcome = await lab.deliver({ from: 'a@ours.example', to: `b@${name}.example` });
    expect(outcome.status).toBe('delivered');
    await lab.peer(`mx.${name}.example`).settled();
  });
});
