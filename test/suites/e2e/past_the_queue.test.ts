/** Plugins that send mail of clients that may relay past the outbound queue, through a real Haraka. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBypass, type Bypass, type BypassKind } from './bypass';

const ours = 'someone@ours.example';
const at = (domain: string) => `rcpt@${domain}`;

describe.each<BypassKind>(['queue/smtp_proxy', 'queue/smtp_forward', 'queue/qmail-queue', 'heir'])(
  '%s',
  { tags: ['regression'] },
  (kind) => {
    let bypass: Bypass;
    beforeAll(async () => {
      bypass = await startBypass(kind);
    });
    afterAll(() => bypass.stop());

    const refusal = (domain: string, rule: string) =>
      new RegExp(
        `^450 4\\.7\\.0 mail to ${domain} must not leave in cleartext \\(rule ${rule}\\), and ${kind} would send it past the queue`,
      );

    test('sends no mail whose rule forbids cleartext', async () => {
      for (const domain of ['strict.example', 'bare.example', 'never.example']) {
        const rule = `ours.example \\[outbound ${domain}\\]`;
        expect(await bypass.submit(ours, at(domain))).toMatch(refusal(domain, rule));
      }
      expect(await bypass.passed()).toEqual([]);
    });

    test('sends none to several recipients of whom one has such a rule', async () => {
      const before = (await bypass.passed()).length;
      const strict = refusal('strict.example', 'ours.example \\[outbound strict.example\\]');
      expect(await bypass.submit(ours, at('free.example'), at('strict.example'))).toMatch(strict);
      expect(await bypass.submit(ours, at('strict.example'), at('free.example'))).toMatch(strict);
      expect((await bypass.passed()).length).toBe(before);
    });

    test('sends none while the settings of its sender are not valid', async () => {
      expect(await bypass.submit('someone@broken.example', at('free.example'))).toMatch(/^450 4\.3\.5 /);
    });

    test.each([
      ['whose rule allows cleartext', ours, ['free.example']],
      ['that is watched only', ours, ['watched.example']],
      ['whose rule depends on what the peer publishes', ours, ['discovered.example']],
      ['of other domains', 'someone@theirs.example', ['strict.example']],
      ['of the null sender', '', ['strict.example']],
      ['of clients that may not relay', 'stranger@ours.example', ['strict.example', 'bare.example']],
    ])('sends mail %s', async (_what, from, domains) => {
      const to = domains.map(at);
      const before = (await bypass.passed()).length;
      expect(await bypass.submit(from, ...to)).toBe('taken');
      expect((await bypass.passed()).slice(before)).toEqual([to.sort().join(' ')]);
    });

    test('does not get mail whose refusal a deny hook takes back: the guarded queue does', async () => {
      const before = (await bypass.passed()).length;
      const lenient = 'lenient@ours.example';
      expect(await bypass.outcome(lenient, at('strict.example'))).toBe('delivered secured');
      expect(await bypass.outcome(lenient, at('bare.example'))).toBe('deferred  dane-required');
      expect((await bypass.passed()).length).toBe(before);
      expect(await bypass.submit(lenient, at('free.example'))).toBe('taken');
      expect((await bypass.passed()).length).toBe(before + 1);
    });

    test('does not get mail that is meant for another queue, unless it asks nobody', async () => {
      const before = (await bypass.passed()).length;
      const routed = 'routed@ours.example';
      if (kind === 'queue/smtp_proxy')
        expect(await bypass.submit(routed, at('strict.example'))).toMatch(/^450 /);
      else expect(await bypass.outcome(routed, at('strict.example'))).toBe('delivered secured');
      expect((await bypass.passed()).length).toBe(before);
    });

    test('is warned of once for each rule', async () => {
      await bypass.submit(ours, at('strict.example'));
      const warnings = bypass.lab.haraka.logLines.filter((line) =>
        /\[WARN\].*must not leave in cleartext/.test(line),
      );
      const rules = warnings.map((line) => /\(rule ([^)]*)\)/.exec(line)?.[1]);
      expect(new Set(rules).size).toBe(rules.length);
      const ini = kind === 'heir' ? 'smtp_forward' : kind.slice(6);
      expect(warnings[0]).toContain(`enable_outbound = false in ${ini}.ini leaves such mail to the queue`);
    });
  },
);

test(
  'mail that smtp_forward would not take goes to the guarded queue',
  { tags: ['regression'] },
  async () => {
    const ini = 'enable_outbound=true\nhost=127.20.0.2\nport=25\n[strict.example]\nenable_outbound=false\n';
    const bypass = await startBypass('queue/smtp_forward', { config: { 'smtp_forward.ini': ini } });
    try {
      // Its section is a route all the same, and the rule holds on it.
      expect(await bypass.outcome(ours, at('strict.example'))).toBe('deferred  starttls-not-supported');
      expect(await bypass.outcome('routed@ours.example', at('bare.example'))).toBe('deferred  dane-required');
      expect(await bypass.passed()).toEqual([]);
    } finally {
      await bypass.stop();
    }
  },
);

test('past_the_queue = warn lets it pass, and says so', { tags: ['regression'] }, async () => {
  const bypass = await startBypass('queue/smtp_forward', { pastTheQueue: 'warn' });
  try {
    expect(await bypass.submit(ours, at('strict.example'))).toBe('taken');
    expect(await bypass.passed()).toEqual(['rcpt@strict.example']);
    await bypass.lab.haraka.waitForLog(/sends it all the same \(past_the_queue = warn\)/);
  } finally {
    await bypass.stop();
  }
});
