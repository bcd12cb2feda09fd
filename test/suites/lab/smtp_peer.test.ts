import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import { stuffed } from '../../../haraka-test-harness/smtp_client';
import { startSmtpPeer, type SmtpPeer } from '../../../haraka-test-harness/smtp_peer';

const tls = { min: 'TLSv1.2', max: 'TLSv1.3' } as const;

describe('an MX host', () => {
  let peer: SmtpPeer;

  beforeAll(async () => {
    const office = await openCertificateOffice();
    const certificate = await office.certificate('mx.example', 'trusted');
    peer = await startSmtpPeer({
      name: 'mx.example',
      address: '127.0.0.1',
      certificate,
      tls,
      behaviour: 'normal',
    });
  });
  afterAll(() => peer.stop());

  function open(): Socket {
    const socket = connect(peer.port, peer.address);
    socket.resume();
    socket.on('error', () => undefined);
    return socket;
  }

  /** Everything that the peer says until it has said `last`. */
  async function heard(socket: Socket, last: RegExp): Promise<string> {
    let text = '';
    for (;;) {
      const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(5000) })) as [Buffer];
      text += chunk.toString('latin1');
      if (last.test(text)) return text;
    }
  }

  it('takes a message as it was meant, however its octets were cut and its dots stuffed', async () => {
    const line = fc.oneof(
      fc.constantFrom('', '.', '..', '.x', 'x.', '\r', '\n.', 'MAIL FROM:<no>'),
      fc.stringMatching(/^[ -~]{0,20}$/),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        async (lines, cuts) => {
          const data = [...lines, ''].join('\r\n');
          const envelope = 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n';
          const before = peer.messages.length;
          const socket = open();
          socket.setNoDelay(true);
          const done = heard(socket, /2\.0\.0 taken/);
          let rest = `${envelope}${data === '' ? '' : stuffed(data)}.\r\n`;
          for (let i = 0; rest !== ''; i++) {
            const cut = cuts[i] ?? rest.length;
            socket.write(rest.slice(0, cut), 'latin1');
            rest = rest.slice(cut);
            await new Promise(setImmediate);
          }
          await done;
          socket.destroy();
          expect(peer.messages.slice(before)).toMatchObject([{ from: 'a@b', to: ['c@d'], data }]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('records what comes before TLS apart from what comes through it', async () => {
    const socket = open();
    await heard(socket, /^220 /);
    socket.write('EHLO c\r\nSTARTTLS\r\n');
    await heard(socket, /^220 2\.0\.0 go ahead/m);
    const secured = connectTls({ socket, servername: 'mx.example', rejectUnauthorized: false });
    await once(secured, 'secureConnect');
    secured.write('EHLO again\r\n');
    await heard(secured, /^250 SIZE/m);
    const connection = peer.connections.at(-1);
    expect(connection).toMatchObject({
      cleartext: 'EHLO c\r\nSTARTTLS\r\n',
      encrypted: 'EHLO again\r\n',
      tls: { kind: 'established', version: 'TLSv1.3', sni: 'mx.example' },
    });
    secured.destroy();
    await peer.settled();
  });

  it('records a client that goes on in cleartext after the 220', async () => {
    const socket = open();
    await heard(socket, /^220 /);
    socket.write('EHLO c\r\nSTARTTLS\r\n');
    await heard(socket, /^220 2\.0\.0 go ahead/m);
    socket.write('MAIL FROM:<leak@b>\r\n');
    await heard(socket, /sender ok/);
    expect(peer.connections.at(-1)?.cleartext).toContain('MAIL FROM:<leak@b>');
    socket.destroy();
    await peer.settled();
  });

  it('records why a handshake failed', async () => {
    const socket = open();
    await heard(socket, /^220 /);
    socket.write('EHLO c\r\nSTARTTLS\r\n');
    await heard(socket, /^220 2\.0\.0 go ahead/m);
    const old = connectTls({
      socket,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await once(old, 'secureConnect').catch(() => undefined);
    await peer.settled();
    expect(peer.connections.at(-1)?.tls).toMatchObject({
      kind: 'failed',
      error: expect.stringMatching(/protocol/i),
    });
  });

  it('drops a client that sends a line without end', async () => {
    const socket = open();
    socket.write('x'.repeat(10_000));
    await once(socket, 'close');
    await peer.settled();
    expect(peer.connections.at(-1)?.state).toBe('closed');
  });
});
