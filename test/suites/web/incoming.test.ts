/** What metrics say of incoming mail is what came: with workers, with the record and without. */
import { afterEach, describe, expect, it } from 'vitest';
import { recipientReplies } from '../../inbound/support/client';
import { tlsConfig } from '../../inbound/support/tls_server';
import { startPageLab, type PageLab } from './page_lab';

let page: PageLab | undefined;
afterEach(() => page?.lab.stop());

/** Takes mail from strangers. */
const sink = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'accept');
  this.register_hook('queue', 'take');
};
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
exports.accept = (next) => next(OK);
exports.take = (next) => next(OK, 'taken');
`;

const strict = 'someone@strict.example';
const lenient = 'someone@lenient.example';
const watched = 'someone@watched.example';
const other = 'someone@other.example';

type Sent = readonly [tls: 'none' | 'TLSv1' | 'TLSv1.2' | 'TLSv1.3', to: readonly string[]];

/** Each twice, by turns: both workers have their share. */
const sent: readonly Sent[] = [
  ['none', [strict]],
  ['none', [lenient]],
  ['none', [watched]],
  ['none', [strict, lenient]],
  ['TLSv1', [strict]],
  ['TLSv1', [lenient]],
  ['TLSv1.2', [strict, lenient]],
  ['TLSv1.2', [strict, 'another@strict.example']],
  ['TLSv1.3', [strict]],
  ['TLSv1.3', [lenient, watched, other]],
  ['TLSv1.3', []],
];

describe.each([
  ['with the record', ''],
  ['without', '[evidence]\nenabled = false\n'],
])('%s', (_, ini) => {
  it('counts each message once for each managed domain, accepted or refused', async () => {
    page = await startPageLab(
      { domains: {} },
      {
        workers: 2,
        plugins: ['tls', 'sink', 'tls-peers'],
        ownPlugins: { sink },
        ini,
        config: {
          ...(await tlsConfig('mail.lab.example')),
          'tls-peers/strict.example.ini': '[inbound]\nsecurity_level = mandatory\n',
          'tls-peers/lenient.example.ini': '[inbound]\nsecurity_level = opportunistic\n',
          'tls-peers/watched.example.ini': '[inbound]\nsecurity_level = mandatory\nenforcement = monitor\n',
        },
      },
    );
    for (const [tls, to] of [...sent, ...sent])
      await recipientReplies({
        port: page.lab.haraka.port,
        from: 'me@peer.example',
        to,
        tls,
        message: 'Subject: x\r\n\r\nx',
      });
    const text = await (await page.get('metrics')).text();
    expect(samples(text, 'received_messages_total')).toEqual({
      'level="mandatory",outcome="refused"': 6,
      'level="mandatory",outcome="accepted"': 10,
      'level="opportunistic",outcome="accepted"': 12,
    });
    expect(samples(text, 'received_protected_messages_total')).toEqual({
      'tls="none"': 6,
      'tls="TLSv1"': 2,
      'tls="TLSv1.2"': 6,
      'tls="TLSv1.3"': 8,
    });
    expect(samples(text, 'refusals_total')).toEqual({
      'reason="starttls-not-supported"': 4,
      'reason="tls-version-too-low"': 2,
    });
    expect(samples(text, 'observed_refusals_total')).toEqual({ 'reason="starttls-not-supported"': 2 });
  }, 60_000);
});

/** By labels. */
function samples(text: string, name: string): Record<string, number> {
  const found = text.matchAll(new RegExp(`^haraka_tls_peers_${name}\\{(.*)\\} (\\d+)$`, 'gm'));
  return Object.fromEntries([...found].map(([, labels = '', value]) => [labels, Number(value)]));
}
