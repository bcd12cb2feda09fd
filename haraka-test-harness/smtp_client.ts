/** Hands one message to the lab's Haraka over SMTP. */
import { connect, type Socket } from 'node:net';

export interface Submission {
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body with CRLF line ends, not dot-stuffed. */
  readonly data: string;
  /** Milliseconds for the whole conversation. */
  readonly timeoutMs: number;
}

/** @throws Error with the command and the reply where Haraka does not take the message, and when time is up. */
export async function submit(submission: Submission): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: submission.port });
  const deadline = setTimeout(
    () => socket.destroy(new Error(`Haraka did not take the message within ${submission.timeoutMs} ms`)),
    submission.timeoutMs,
  );
  try {
    const replies = replyReader(socket);
    const say = async (command: string, expected: '2' | '3'): Promise<void> => {
      if (command !== '') socket.write(command, 'latin1');
      const reply = await replies();
      if (!reply.startsWith(expected)) {
        throw new Error(
          `Haraka answered ${JSON.stringify(reply)} to ${command.slice(0, 80).trim() || 'the connection'}`,
        );
      }
    };
    await say('', '2');
    await say('EHLO client.lab.example\r\n', '2');
    await say(`MAIL FROM:<${submission.from}>\r\n`, '2');
    for (const to of submission.to) await say(`RCPT TO:<${to}>\r\n`, '2');
    await say('DATA\r\n', '3');
    await say(`${stuffed(submission.data)}.\r\n`, '2');
    socket.write('QUIT\r\n');
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}

/** Ends with a line end, and lines that begin with a dot have another before it (RFC 5321 section 4.5.2). */
export function stuffed(data: string): string {
  const whole = data.endsWith('\r\n') ? data : `${data}\r\n`;
  return whole
    .split('\r\n')
    .map((line) => (line.startsWith('.') ? `.${line}` : line))
    .join('\r\n');
}

/** @returns a function that resolves with the next whole reply, and rejects once the connection is lost. */
function replyReader(socket: Socket): () => Promise<string> {
  const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/;
  let buffer = '';
  let wake: () => void = () => undefined;
  let lost: Error | 'no' = 'no';
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString('latin1');
    wake();
  });
  socket.on('error', (error) => {
    lost = error;
    wake();
  });
  socket.on('close', () => {
    if (lost === 'no') lost = new Error('Haraka closed the connection');
    wake();
  });
  return async () => {
    for (;;) {
      const reply = whole.exec(buffer)?.[0];
      if (reply !== undefined) {
        buffer = buffer.slice(reply.length);
        return reply.trimEnd();
      }
      if (lost !== 'no') throw lost;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}
