/** Hands messages to a mail server as fast as it takes them, over a few connections; and says what else it has to be told. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export interface Letter {
  readonly from: string;
  readonly to: string;
}

/** @throws where the server refuses one */
export async function inject(port: number, letters: readonly Letter[], connections: number): Promise<void> {
  const queue = letters.values();
  await Promise.all(Array.from({ length: connections }, () => sendAll(port, queue)));
}

/** Resolves with what the server answers to a command of its own, without the code. @throws where it refuses */
export async function tell(port: number, command: string): Promise<string> {
  const client = new Client(port);
  try {
    await client.reply('220');
    return await client.say(`${command}\r\n`, '250');
  } finally {
    client.end();
  }
}

async function sendAll(port: number, queue: Iterable<Letter>): Promise<void> {
  const client = new Client(port);
  try {
    await client.reply('220');
    await client.say('EHLO client.lab.example\r\n', '250');
    for (const { from, to } of queue) {
      await client.say(`MAIL FROM:<${from}>\r\n`, '250');
      await client.say(`RCPT TO:<${to}>\r\n`, '250');
      await client.say('DATA\r\n', '354');
      await client.say(`From: <${from}>\r\nTo: <${to}>\r\nSubject: one of many\r\n\r\n${body}.\r\n`, '250');
    }
  } finally {
    client.end();
  }
}

class Client {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  #pending = '';

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk: string) => {
      const parts = (this.#pending + chunk).split('\r\n');
      this.#pending = parts.pop() ?? '';
      this.#lines.push(...parts);
      this.#socket.emit('lines');
    });
    this.#socket.on('close', () => this.#socket.emit('error', new Error('the server closed the connection')));
    this.#socket.on('error', () => undefined);
  }

  /** The text of the last line. */
  async reply(expected: string): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line === undefined) await once(this.#socket, 'lines');
      else if (!line.startsWith(expected)) throw new Error(`the server answered ${line}`);
      else if (line[3] !== '-') return line.slice(4);
    }
  }

  say(text: string, expected: string): Promise<string> {
    this.#socket.write(text);
    return this.reply(expected);
  }

  end(): void {
    this.#socket.destroy();
  }
}

/** About what a short message without pictures takes. */
const body = 'A line of a message that is neither long nor short.\r\n'.repeat(40);
