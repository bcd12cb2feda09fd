/** What operators and senders are told where the fault is our own, and of mail that is returned at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';

const broken = 'tls-peers/broken.example.ini';
const bouncing = '[outbound]\nsecurity_level = mandatory\naction_on_failure = bounce\n';

describe('what operators and senders are told', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab(
      {
        domains: {
          'plain.example': { mx: [{ behaviour: 'no-starttls' }] },
          'renewed.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
          'ours.example': {},
        },
      },
      {
        config: {
          [broken]: '[outbound]\nsecurity_level = utmost\n',
          'tls-peers/ours.example.ini': `${bouncing}[outbound renewed.example]\nsecurity_level = mandatory_dane\n`,
        },
        dsn: 'send',
      },
    );
  });
  afterAll(() => lab.stop());

  const lines = (pattern: RegExp): string[] => lab.haraka.logLines.filter((line) => pattern.test(line));
  const fromBroken = (to: string) => lab.deliver({ from: 'a@broken.example', to: `b@${to}` });

  it('a file that is not valid holds up the mail of its domain, and is no fault of a peer', async () => {
    for (const to of ['plain.example', 'ours.example', 'plain.example']) {
      const { status, recipients } = await fromBroken(to);
      expect(status).toBe('deferred');
      expect(recipients[0]?.dsn_status).toBe('4.3.5');
      expect(recipients[0]?.dsn_msg).toMatch(
        /^TLS rules: config-invalid: tls-peers\/broken\.example\.ini:2: /,
      );
      expect(recipients[0]?.dsn_remote_mta).toBeUndefined();
    }
    expect(lines(/\[NOTICE\].*held up/)).toEqual([
      expect.stringMatching(
        /mail from broken\.example is held up: config-invalid: tls-peers\/broken\.example\.ini:2: .*[^)]$/,
      ),
    ]);
    expect(lines(/tls-peers deferred .* failed=config-invalid/)).toHaveLength(3);
  });

  it('and its recovery is one notice', async () => {
    await lab.haraka.writeConfig(broken, '[outbound]\nsecurity_level = opportunistic\n');
    await lab.haraka.waitForLog(/every file is valid again/);
    for (let i = 0; i < 2; i++) expect((await fromBroken('plain.example')).status).toBe('delivered');
    expect(lines(/\[NOTICE\].*mail from broken\.example is delivered again/)).toHaveLength(1);
  });

  it('mail that bounces is said to be returned, not held up', async () => {
    expect((await lab.deliver({ from: 'a@ours.example', to: 'b@plain.example' })).status).toBe('bounced');
    expect(lines(/\[NOTICE\].*mail to plain\.example is returned: starttls-not-supported at /)).toHaveLength(
      1,
    );
    expect(lines(/mail to plain\.example is held up/)).toEqual([]);
  });

  it('a bounce is plain ASCII', async () => {
    expect((await lab.deliver({ from: 'a@ours.example', to: 'b@renewed.example' })).status).toBe('bounced');
    const peer = lab.peer('mx.ours.example');
    await peer.until(() => peer.messages.some(({ data }) => data.includes('b@renewed.example')));
    const report = peer.messages.find(({ data }) => data.includes('b@renewed.example'))?.data ?? '';
    expect(report).toMatch(
      /certificate 3 1 1 digest is [0-9a-f]{8}\.\.\., the zone publishes [0-9a-f]{8}\.\.\./,
    );
    expect(Buffer.from(report).every((octet) => octet < 0x80)).toBe(true);
  });
});
