/** Hands one message to Haraka, many recipients in one write (RFC 2920). */
import { connect } from 'node:net';
import { stuffed } from '../../../haraka-test-harness/smtp_client';

export interface Submission {
  readonly port: number;
  /** Octets of UTF-8 as latin1, here and below. */
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body with CRLF line ends, not dot-stuffed. */
  readonly data: string;
  /** Milliseconds for the whole conversation. */
  readonly timeoutMs: number;
}

/** @throws Error with the reply where Haraka does not take the message, and when time is up. */
export async function submit({ port, from, to, data, timeoutMs }: Submission): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.setEncoding('latin1');
  const deadline = setTimeout(() => socket.destroy(new Error(`not taken within ${timeoutMs} ms`)), timeoutMs);
  const replies = repliesOf(socket);
  const expect = async (digit: '2' | '3', count = 1): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const { value } = await replies.next();
      if (value?.startsWith(digit) !== true) throw new Error(`Haraka answered ${String(value)}`);
    }
  };
  const parameters = [from, ...to].some((path) => /[^\x20-\x7e]/.test(path)) ? ' SMTPUTF8' : '';
  try {
    await expect('2');
    socket.write('EHLO client.wire.example\r\n');
    await expect('2');
    socket.write(
      [`MAIL FROM:<${from}>${parameters}`, ...to.map((path) => `RCPT TO:<${path}>`), ''].join('\r\n'),
      'latin1',
    );
    await expect('2', 1 + to.length);
    socket.write('DATA\r\n');
    await expect('3');
    socket.write(`${stuffed(data)}.\r\n`, 'latin1');
    await expect('2');
    socket.end('QUIT\r\n');
  } finally {
    clearTimeout(deadline);
    socket.destroySoon();
  }
}

async function* repliesOf(stream: AsyncIterable<unknown>): AsyncGenerator<string, undefined> {
  let buffered = '';
  for await (const chunk of stream) {
    buffered += String(chunk);
    for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
      const line = buffered.slice(0, end);
      buffered = buffered.slice(end + 2);
      if (line[3] !== '-') yield line;
    }
  }
  return undefined;
}
