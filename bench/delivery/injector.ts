/** Hands messages to Haraka as fast as it takes them, over a few connections. */
import { connect } from 'node:net';
import { once } from 'node:events';

export interface Letter {
  readonly from: string;
  readonly to: string;
}

/** @throws where Haraka refuses one */
export async function inject(port: number, letters: readonly Letter[], connections: number): Promise<void> {
  const queue = letters.values();
  await Promise.all(Array.from({ length: connections }, () => sendAll(port, queue)));
}

async function sendAll(port: number, queue: Iterable<Letter>): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.setEncoding('latin1');
  const lines: string[] = [];
  let pending = '';
  socket.on('data', (chunk: string) => {
    const parts = (pending + chunk).split('\r\n');
    pending = parts.pop() ?? '';
    lines.push(...parts);
    socket.emit('lines');
  });
  const reply = async (expected: string): Promise<void> => {
    for (;;) {
      const line = lines.shift();
      if (line === undefined) await once(socket, 'lines');
      else if (!line.startsWith(expected)) throw new Error(`Haraka answered ${line}`);
      else if (line[3] !== '-') return;
    }
  };
  const say = async (text: string, expected: string): Promise<void> => {
    socket.write(text);
    await reply(expected);
  };
  try {
    await reply('220');
    await say('EHLO client.lab.example\r\n', '250');
    for (const { from, to } of queue) {
      await say(`MAIL FROM:<${from}>\r\n`, '250');
      await say(`RCPT TO:<${to}>\r\n`, '250');
      await say('DATA\r\n', '354');
      await say(`From: <${from}>\r\nTo: <${to}>\r\nSubject: one of many\r\n\r\n${body}.\r\n`, '250');
    }
  } finally {
    socket.destroy();
  }
}

/** About what a short message without pictures takes. */
const body = 'A line of a message that is neither long nor short.\r\n'.repeat(40);
