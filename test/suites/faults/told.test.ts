/** What operators are told: one line per message, one notice per change, and a bounce that says why. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { Behaviour } from '../../../haraka-test-harness/behaviours';

const rules = `[outbound]
security_level = mandatory
[outbound dead.example]
action_on_failure = bounce
[outbound many.example]
security_level = mandatory_dane
action_on_failure = bounce
`;

describe('what operators are told', () => {
  let lab: Lab;

  beforeAll(async () => {
    const mx = [
      { host: 'mx1.held.example', preference: 1, behaviour: 'no-starttls' },
      { host: 'mx2.held.example', preference: 2, behaviour: 'handshake-close' },
    ] as const;
    const choosy: Behaviour = {
      recipients: {
        late: { do: 'reply', text: '450 4.2.1 not now\r\n' },
        never: { do: 'reply', text: '550 5.1.1 nobody\r\n' },
      },
    };
    const many = Array.from({ length: 8 }, (_, i) => ({
      host: `mx${i}.many.example`,
      certificate: 'self-signed' as const,
      tlsa: ['mismatch', 'mismatch'] as const,
    }));
    lab = await startLab(
      {
        domains: {
          'held.example': { mx },
          'dead.example': { mx: [{ behaviour: 'no-starttls' }] },
          'choosy.example': { mx: [{ behaviour: choosy }] },
          'turned.example': {
            mx: [{ behaviour: ['no-starttls', { message: { do: 'reply', text: '554 5.6.0 spam\r\n' } }] }],
          },
          'second.example': {
            mx: [
              { host: 'mx1.second.example', preference: 1, behaviour: 'handshake-close' },
              { host: 'mx2.second.example', preference: 2, behaviour: choosy },
            ],
          },
          'turns.example': {
            mx: [
              { host: 'mx1.turns.example', preference: 1, behaviour: { ...choosy, data: { do: 'close' } } },
              { host: 'mx2.turns.example', preference: 2 },
            ],
          },
          'many.example': { dnssec: 'secure', mx: many },
          'ours.example': {},
        },
      },
      { config: { 'tls-peers/ours.example.ini': rules }, dsn: 'send', retryIntervals: '5s*3' },
    );
  });
  afterAll(() => lab.stop());

  const send = (to: string) => lab.deliver({ from: 'a@ours.example', to: `b@${to}` });
  const lines = (pattern: RegExp): string[] => lab.haraka.logLines.filter((line) => pattern.test(line));

  it('a peer that begins to fail is one notice, and so is its recovery', async () => {
    for (let i = 0; i < 3; i++) expect((await send('held.example')).status).toBe('deferred');
    expect(lines(/\[NOTICE\].*mail to held\.example is held up: starttls-not-supported/)).toHaveLength(1);
    expect(lines(/tls-peers deferred /)).toHaveLength(3);
    lab.peer('mx1.held.example').setBehaviour('normal');
    for (let i = 0; i < 3; i++) expect((await send('held.example')).status).toBe('delivered');
    expect(lines(/\[NOTICE\].*mail to held\.example is delivered again/)).toHaveLength(1);
  });

  it('a deferral is one line that holds every host with its reason', () => {
    expect(lines(/tls-peers deferred /)[0]).toMatch(
      /rule="ours\.example \[outbound\]" level=mandatory peer=held\.example .*failed="mx1\.held\.example \[\S+\] starttls-not-supported" failed="mx2\.held\.example \[\S+\] tls-handshake-failed"/,
    );
  });

  it('a delivery is one line that holds rule, host, version, cipher and how the peer was verified', () => {
    expect(lines(/tls-peers delivered /)[0]).toMatch(
      /rule="ours\.example \[outbound\]" level=mandatory peer=held\.example host=mx1\.held\.example address=\S+ requirement="encrypted \(mandatory\)" discovered="not looked for" tls_version=TLSv1\.3 cipher=TLS_\w+ group=X25519 verified=unauthenticated/,
    );
  });

  it('the notes of the delivery hold the same', async () => {
    expect((await send('held.example')).summary).toMatchObject({
      rule: 'ours.example [outbound]',
      host: 'mx1.held.example',
      tls_version: 'TLSv1.3',
      reasons: [],
    });
  });

  it('every recipient of a domain is told, and each domain of a message has its own rule', async () => {
    const to = ['b@dead.example', 'c@dead.example', 'b@held.example'];
    const { id } = await lab.send({ from: 'a@ours.example', to });
    expect((await lab.outcome(id, { domain: 'held.example' })).status).toBe('delivered');
    const { status, recipients } = await lab.outcome(id, { domain: 'dead.example' });
    expect(status).toBe('bounced');
    expect(recipients.map(({ address }) => address)).toEqual(['b@dead.example', 'c@dead.example']);
    for (const { dsn_status, dsn_action, dsn_msg } of recipients) {
      expect([dsn_status, dsn_action]).toEqual(['5.7.4', 'failed']);
      expect(dsn_msg).toContain('ours.example [outbound dead.example]: mx.dead.example');
    }
    // The report of this bounce, beside that of the next test.
    const reports = lab.peer('mx.ours.example');
    await reports.until(() => reports.messages.length > 0);
    expect(reports.messages[0]?.data).toContain('Final-Recipient: rfc822;c@dead.example');
  });

  it('a bounce says the reason, the rule and the host to the sender', async () => {
    expect((await send('dead.example')).status).toBe('bounced');
    const peer = lab.peer('mx.ours.example');
    await peer.until(() => peer.messages.length > 1);
    const report = peer.messages[1]?.data ?? '';
    expect(report).toContain('Final-Recipient: rfc822;b@dead.example\r\nAction: failed\r\n');
    expect(report).toMatch(
      /Status: 5\.7\.4 \(550 TLS rule ours\.example \[outbound dead\.example\]: mx\.dead\.example \[\S+\]: starttls-not-supported: /,
    );
    expect(report).toContain('Remote-MTA: ');
    expect(report).not.toContain('Diagnostic-Code: ');
  });

  it('a bounce of many hosts names one, counts the others, and keeps its lines short', async () => {
    const reports = lab.peer('mx.ours.example');
    const before = reports.messages.length;
    expect((await send('many.example')).status).toBe('bounced');
    await reports.until(() => reports.messages.length > before);
    const report = reports.messages[before]?.data ?? '';
    expect(report).toMatch(/mx\d\.many\.example \[\S+\]: certificate-not-trusted: .*; and 7 more/);
    // RFC 5322 section 2.1.1.
    expect(Math.max(...report.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998);
  });

  it('a bounce for what a host said holds nothing of what an earlier attempt failed for', async () => {
    const reports = lab.peer('mx.ours.example');
    const before = reports.messages.length;
    const { id } = await lab.send({ from: 'a@ours.example', to: 'b@turned.example' });
    expect((await lab.outcome(id)).error).toContain('starttls-not-supported');
    expect(await lab.outcome(id, { wanted: 'settled' })).toMatchObject({
      status: 'bounced',
      summary: { reply: '554 5.6.0 spam', reasons: [] },
    });
    await reports.until(() => reports.messages.length > before);
    const report = reports.messages[before]?.data ?? '';
    expect(report).toContain('Status: 5.6.0\r\n');
    expect(report).not.toContain('starttls-not-supported');
  });

  it('recipients that the second host refuses are no failure of the first', async () => {
    for (const local of ['never', 'b', 'never', 'b']) {
      await lab.deliver({ from: 'a@ours.example', to: `${local}@second.example` });
    }
    expect(lines(/\[NOTICE\].*mail to second\.example/)).toEqual([]);
    expect(lines(/tls-peers bounced .*peer=second\.example .*reply="550 5\.1\.1 nobody"/)).toHaveLength(2);
  });

  it('a recipient that the second host took was refused by none', async () => {
    const to = ['late@turns.example', 'b@turns.example'];
    expect(await lab.deliver({ from: 'a@ours.example', to })).toMatchObject({
      status: 'delivered',
      summary: { host: 'mx2.turns.example', reply: '', reasons: [{ reason: 'connection-failed' }] },
    });
  });

  it.each([
    ['and some it takes', ['b', 'late', 'never'], ['bounced', 'deferred', 'delivered']],
    ['and none it takes', ['late', 'never'], ['bounced', 'deferred']],
  ])(
    'recipients that a host refuses, %s, are a line each, with the connection',
    async (_name, locals, fates) => {
      const { id } = await lab.send({
        from: 'a@ours.example',
        to: locals.map((local) => `${local}@choosy.example`),
      });
      const outcomes = () => lab.outcomes(id);
      await expect
        .poll(() =>
          outcomes()
            .map(({ status }) => status)
            .sort(),
        )
        .toEqual(fates);
      for (const { status, uuid, summary } of outcomes()) {
        expect(summary).toMatchObject({ host: 'mx.choosy.example', tls_version: 'TLSv1.3' });
        const told = `\\[${uuid}\\].* tls-peers ${status} rule="ours.example \\[outbound\\]"`;
        expect(lines(new RegExp(told))).toHaveLength(1);
      }
    },
  );
});
