/** A client that hands one message in, with TLS or without, and hears every reply. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { stuffed } from '../../../haraka-test-harness/smtp_client';
import { dialogueOver } from '../../inbound/support/client';

export interface Handed {
  readonly port: number;
  readonly tls: boolean;
  readonly from: string;
  /** Behind the path at MAIL, such as ` REQUIRETLS`. */
  readonly parameters: string;
  readonly to: readonly string[];
  /** Headers and body. */
  readonly data: string;
}

export interface Heard {
  /** The last reply to EHLO. */
  readonly ehlo: string;
  readonly mail: string;
  readonly recipients: readonly string[];
  /** To the message; empty where it was not sent. */
  readonly message: string;
}

export async function hand({ port, tls, from, parameters, to, data }: Handed): Promise<Heard> {
  const plain = connect({ host: '127.0.0.1', port });
  const deadline = setTimeout(() => plain.destroy(new Error('no answer within 20 s')), 20_000);
  let socket: Socket = plain;
  try {
    let { say } = dialogueOver(plain);
    await say('');
    let ehlo = await say('EHLO client.example');
    if (tls) {
      await say('STARTTLS');
      plain.removeAllListeners('data');
      socket = connectTls({ socket: plain, rejectUnauthorized: false });
      ({ say } = dialogueOver(socket));
      ehlo = await say('EHLO client.example');
    }
    const mail = await say(`MAIL FROM:<${from}>${parameters}`);
    const recipients: string[] = [];
    if (mail.startsWith('2')) for (const one of to) recipients.push(await say(`RCPT TO:<${one}>`));
    if (!recipients.some((reply) => reply.startsWith('2'))) {
      await say('QUIT');
      return { ehlo, mail, recipients, message: '' };
    }
    await say('DATA');
    const message = await say(`${stuffed(data)}.`);
    await say('QUIT');
    return { ehlo, mail, recipients, message };
  } finally {
    clearTimeout(deadline);
    socket.destroy();
    plain.destroy();
  }
}

/** What is heard after each of `lines`, the greeting aside. `STARTTLS` begins TLS; a line that is `DATA` is followed by a message. */
export async function converse(port: number, lines: readonly string[]): Promise<string[]> {
  const plain = connect({ host: '127.0.0.1', port });
  const deadline = setTimeout(() => plain.destroy(new Error('no answer within 20 s')), 20_000);
  let socket: Socket = plain;
  try {
    let { say } = dialogueOver(plain);
    await say('');
    const heard: string[] = [];
    for (const line of lines) {
      heard.push(await say(line));
      if (line !== 'STARTTLS') continue;
      plain.removeAllListeners('data');
      socket = connectTls({ socket: plain, rejectUnauthorized: false });
      ({ say } = dialogueOver(socket));
    }
    return heard;
  } finally {
    clearTimeout(deadline);
    socket.destroy();
    plain.destroy();
  }
}
