/** The counters and summaries, as another plugin reads them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';

/** A plugin of an operator's own, as docs/operations.md shows it. */
const reader = `
exports.register = function () {
  this.register_hook('delivered', 'tell');
};
const together = [];
exports.tell = function (next, hmail) {
  const { counters, summary } = server.notes.tls_peers;
  this.lognotice('counted ' + JSON.stringify(counters()));
  if (hmail.todo.domain === 'peer.example') return next();
  // Both deliveries of one message have been here before either is told about.
  together.push({ next, hmail });
  if (together.length < 2) return;
  for (const { next, hmail } of together.splice(0)) {
    this.lognotice('summed up ' + hmail.todo.domain + ' ' + summary(hmail).peer);
    next();
  }
};
`;

describe.each([0, 2])('with nodes = %i', (workers) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab(
      { domains: { 'peer.example': {}, 'other.example': {}, 'third.example': {}, 'ours.example': {} } },
      { workers, ownPlugins: { reader }, plugins: ['tls-peers', 'reader'] },
    );
  });
  afterAll(() => lab.stop());

  it('another plugin reads what this process counted', async () => {
    expect((await lab.deliver({ from: 'a@ours.example', to: 'b@peer.example' })).status).toBe('delivered');
    const line = await lab.haraka.waitForLog(/counted \[/);
    const counts: unknown = JSON.parse(/counted (\[.*\])/.exec(line)?.[1] ?? '');
    expect(counts).toContainEqual({
      name: 'deliveries',
      labels: { level: 'auto', outcome: 'delivered' },
      value: 1,
    });
  });

  it('each delivery of one message has its own summary', async () => {
    const domains = ['other.example', 'third.example'];
    await lab.send({ from: 'a@ours.example', to: domains.map((domain) => `b@${domain}`) });
    for (const domain of domains) {
      const line = await lab.haraka.waitForLog(new RegExp(`summed up ${domain} `));
      expect(line).toContain(`summed up ${domain} ${domain}`);
    }
  });
});
