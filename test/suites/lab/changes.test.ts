import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startLab, type Lab } from '../../../haraka-test-harness/lab';

const from = 'a@ours.example';

describe('a lab that changes while it runs, around a Haraka with two workers', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab(
      {
        domains: {
          'ours.example': {},
          'changing.example': {},
          'flaky.example': { mx: [{ behaviour: ['mail-451', { mail: { do: 'close' } }, 'normal'] }] },
          'moving.example': {},
          'away.example': {},
          'deaf.example': { mx: [{ behaviour: 'mail-550' }] },
        },
        hosts: { 'elsewhere.example': {} },
      },
      { plugins: [], workers: 2, retryIntervals: '5s*3', dsn: 'send' },
    );
  });
  afterAll(() => lab.stop());

  it('hears of deliveries from every worker', async () => {
    const messages = Array.from({ length: 12 }, () => lab.deliver({ from, to: 'b@changing.example' }));
    const outcomes = await Promise.all(messages);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['delivered']));
    expect(outcomes.every(({ pid }) => pid !== lab.haraka.pid)).toBe(true);
    expect(new Set(outcomes.map(({ id }) => id)).size).toBe(12);
  });

  it('sees a peer with its next certificate and behaviour', async () => {
    const peer = lab.peer('mx.changing.example');
    peer.setCertificate(await lab.office.certificate('mx.changing.example', 'expired'), {
      min: 'TLSv1.2',
      max: 'TLSv1.2',
    });
    const secured = await lab.deliver({ from, to: 'b@changing.example' });
    expect(peer.messages.find(({ id }) => id === secured.id)?.protection).toBe('TLSv1.2');
    peer.setBehaviour('no-starttls');
    const plain = await lab.deliver({ from, to: 'b@changing.example' });
    expect(peer.messages.find(({ id }) => id === plain.id)?.protection).toBe('cleartext');
  });

  it('sees each connection of a peer in its own behaviour', async () => {
    const { id } = await lab.send({ from, to: 'b@flaky.example' });
    const settled = await lab.outcome(id, { wanted: 'settled' });
    expect(lab.outcomes(id).map(({ status }) => status)).toEqual(['deferred', 'deferred', 'delivered']);
    expect(settled.failures).toBe(2);
    expect(await lab.outcome(id, { attempt: 2 })).toMatchObject({ status: 'deferred' });
    expect(lab.peer('mx.flaky.example').connections).toHaveLength(3);
  });

  it('follows DNS to another host', async () => {
    lab.dns.set({
      name: 'moving.example',
      type: 'MX',
      records: [{ type: 'MX', preference: 1, exchange: 'elsewhere.example' }],
    });
    const { id } = await lab.deliver({ from, to: 'b@moving.example' });
    expect(lab.peer('elsewhere.example').messages).toMatchObject([{ id }]);
    expect(lab.peer('mx.moving.example').connections).toEqual([]);
  });

  it('finds a route closed', async () => {
    await lab.setRoute('mx.away.example', 25, 'refused');
    expect(await lab.deliver({ from, to: 'b@away.example' })).toMatchObject({ status: 'deferred' });
    expect(lab.peer('mx.away.example').connections).toEqual([]);
  });

  it('sends bounces where told to, and their recipient sees them', async () => {
    const { id } = await lab.deliver({ from, to: 'b@deaf.example' });
    const home = lab.peer('mx.ours.example');
    await home.until(({ messages }) => messages.length > 0);
    const [bounce] = home.messages;
    expect(bounce).toMatchObject({ from: '', to: [from], id: '' });
    expect(bounce?.data).toMatch(/^Status: 5\.7\.1/m);
    expect(bounce?.data).toContain(`Lab-Message-Id: ${id}`);
  });

  it('knows mail from elsewhere by the id that Haraka gave it', async () => {
    const socket = connect(lab.haraka.port, '127.0.0.1');
    const lines = [
      'EHLO client.example',
      `MAIL FROM:<${from}>`,
      'RCPT TO:<b@moving.example>',
      'DATA',
      'Subject: by hand\r\n\r\nHello.\r\n.',
      'QUIT',
    ];
    const heard = text(socket);
    let sent = 0;
    socket.on('data', (chunk: Buffer) => {
      const finished = /^\d{3} .*\r\n$/m.test(chunk.toString());
      if (finished && sent < lines.length) socket.write(`${lines[sent++] ?? ''}\r\n`);
    });
    const id = /Message Queued \(([0-9A-F-]+\.\d+)\)/.exec(await heard)?.[1] ?? 'none';
    expect(await lab.outcome(id)).toMatchObject({ status: 'delivered', domain: 'moving.example' });
  });

  it('says what it waited for when time is up', async () => {
    await expect(lab.outcome('no-such-id', { timeoutMs: 50 })).rejects.toThrow(
      /no outcome 1 of message no-such-id/,
    );
    await expect(lab.haraka.waitForLog(/never logged/, { timeoutMs: 50 })).rejects.toThrow(/never logged/);
    await expect(lab.peer('elsewhere.example').until(() => false, 50)).rejects.toThrow(/elsewhere\.example/);
    expect(() => lab.peer('nobody.example')).toThrow('this world has no MX host nobody.example');
  });
});

describe('a Haraka that does not start', () => {
  it('is reported with its last words, and nothing is left of it', async () => {
    const broken = `exports.register = () => { throw new Error('this plugin is broken'); };`;
    const started = startLab({ domains: {} }, { plugins: ['broken'], ownPlugins: { broken } });
    await expect(started).rejects.toThrow(/this plugin is broken/);
  });
});

describe('a world that cannot be built', () => {
  it('is refused, and no server is left of what was built already', async () => {
    const servers = () =>
      process.getActiveResourcesInfo().filter((kind) => /^(?:TCPServerWrap|UDPWrap)$/.test(kind)).length;
    const before = servers();
    const started = startLab({
      domains: {
        'sound.example': { sts: {} },
        'unsound.example': { mx: [{ certificate: { kind: 'given', chainPem: 'no PEM', keyPem: '' } }] },
      },
    });
    await expect(started).rejects.toThrow('holds no certificate');
    expect(servers()).toBe(before);
  });
});
