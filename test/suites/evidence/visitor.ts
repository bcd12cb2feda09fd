/** A client of the outside: hands one message in, over TLS of one version or in cleartext. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion } from 'node:tls';

export interface Incoming {
  readonly port: number;
  readonly tls: 'none' | SecureVersion;
  readonly from: string;
  readonly to: string;
}

/** @returns the reply that settled it: to RCPT where that is refused, else to the message */
export async function handIn({ port, tls, from, to }: Incoming): Promise<string> {
  let socket: Socket = connect({ host: '127.0.0.1', port });
  const plain = socket;
  plain.setTimeout(15_000, () => plain.destroy(new Error('no answer within 15 s')));
  try {
    await say(socket, '');
    await say(socket, 'EHLO client.example');
    if (tls !== 'none') {
      await say(socket, 'STARTTLS');
      const ciphers = 'DEFAULT:@SECLEVEL=0';
      socket = connectTls({ socket, rejectUnauthorized: false, minVersion: tls, maxVersion: tls, ciphers });
      await say(socket, 'EHLO client.example');
    }
    await say(socket, `MAIL FROM:<${from}>`);
    const reply = await say(socket, `RCPT TO:<${to}>`);
    if (!reply.startsWith('250')) return reply;
    await say(socket, 'DATA');
    return await say(socket, `From: <${from}>\r\nSubject: in\r\n\r\nHello.\r\n.`);
  } finally {
    socket.destroy();
    plain.destroy();
  }
}

const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/;

function say(socket: Socket, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (piece: Buffer): void => {
      text += piece.toString('latin1');
      if (!whole.test(text)) return;
      finish();
      resolve(text.trimEnd());
    };
    const onEnd = (): void => {
      finish();
      reject(new Error(`closed after ${command || 'connecting'}`));
    };
    const finish = (): void => {
      socket.removeListener('data', onData);
      socket.removeListener('close', onEnd);
      socket.removeListener('error', onEnd);
    };
    socket.on('data', onData);
    socket.on('close', onEnd);
    socket.on('error', onEnd);
    if (command !== '') socket.write(`${command}\r\n`);
  });
}
