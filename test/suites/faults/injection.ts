/** A client that pipelines cleartext around STARTTLS, to see whether any of it is taken as if it came through TLS. */
import { connect as connectTls } from 'node:tls';
import { connect, type Socket } from 'node:net';

export const injections = {
  'a command behind STARTTLS': { before: '', behind: 'MAIL FROM:<evil@injected.example>\r\n' },
  'part of a command behind STARTTLS': { before: '', behind: 'MAIL FROM:<evil' },
  'a transaction before STARTTLS': { before: 'MAIL FROM:<evil@injected.example>\r\n', behind: '' },
  'a transaction behind STARTTLS': {
    before: '',
    behind: 'MAIL FROM:<evil@injected.example>\r\nRCPT TO:<victim@ours.example>\r\n',
  },
} as const;

export type Injection = keyof typeof injections;

/** What the server answered within TLS to NOOP and then RCPT; `refused` where it did not even begin. */
export type Injected =
  | { readonly kind: 'spoke'; readonly noop: string; readonly rcpt: string; readonly more: string }
  | { readonly kind: 'refused'; readonly how: string };

export async function inject(port: number, injection: Injection, ca: string): Promise<Injected> {
  const { before, behind } = injections[injection];
  const socket = connect({ host: '127.0.0.1', port });
  try {
    const plain = replies(socket);
    await plain.next();
    socket.write('EHLO client.lab.example\r\n');
    await plain.next();
    if (before !== '') {
      socket.write(before);
      await plain.next();
    }
    socket.write(`STARTTLS\r\n${behind}`);
    const go = await plain.next();
    if (!go.startsWith('220')) return { kind: 'refused', how: go };
    plain.stop();
    const secured = connectTls({ socket, ca, servername: 'mail.lab.example' });
    const inside = replies(secured);
    secured.write('NOOP\r\n');
    const noop = await inside.next();
    secured.write('RCPT TO:<victim@ours.example>\r\n');
    const rcpt = await inside.next();
    secured.write('QUIT\r\n');
    const more = await inside.next();
    return { kind: 'spoke', noop, rcpt, more };
  } catch (error) {
    return { kind: 'refused', how: error instanceof Error ? error.message : String(error) };
  } finally {
    socket.destroy();
  }
}

/** Whether what was said in cleartext is forgotten: each command within TLS has its own answer, and RCPT wants a MAIL. */
export function isForgotten(injected: Injected): boolean {
  if (injected.kind === 'refused') return true;
  return (
    injected.noop.startsWith('250') && injected.rcpt.startsWith('503') && injected.more.startsWith('221')
  );
}

function replies(socket: Socket): { next(): Promise<string>; stop(): void } {
  const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/;
  let buffer = '';
  let wake: () => void = () => undefined;
  let lost: Error | undefined;
  const onData = (chunk: Buffer): void => {
    buffer += chunk.toString('latin1');
    wake();
  };
  const onLost = (error?: unknown): void => {
    lost ??= error instanceof Error ? error : new Error('the server closed the connection');
    wake();
  };
  socket.on('data', onData);
  socket.on('error', onLost);
  socket.on('close', () => onLost());
  return {
    stop: () => {
      socket.removeListener('data', onData);
    },
    next: async () => {
      const deadline = setTimeout(() => onLost(new Error('no reply within 5 s')), 5000);
      try {
        for (;;) {
          const reply = whole.exec(buffer)?.[0];
          if (reply !== undefined) {
            buffer = buffer.slice(reply.length);
            return reply.trimEnd();
          }
          if (lost !== undefined) throw lost;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(deadline);
      }
    },
  };
}
