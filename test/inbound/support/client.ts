/** An SMTP client that names recipients and hears what becomes of each. Nothing is sent with DATA but `message`. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion, type TLSSocket } from 'node:tls';

export interface Visit {
  readonly port: number;
  /** The address that a PROXY line announces; absent for a connection without one. */
  readonly proxiedFor?: string;
  /** The loopback address to connect from. */
  readonly localAddress?: string;
  readonly tls: 'none' | SecureVersion;
  /** What the client offers; anything where absent. */
  readonly ciphers?: string;
  /** EHLO where absent. */
  readonly hello?: 'EHLO' | 'HELO';
  /** `at_once`: TLS without STARTTLS, at the port for that (RFC 8314). */
  readonly begin?: 'by_starttls' | 'at_once';
  /** Empty for the null sender. */
  readonly from: string;
  readonly to: readonly string[];
  /** Sent where a recipient was taken; nothing where absent. */
  readonly message?: string;
}

/** @returns the reply to each recipient. @throws Error where anything before that is not accepted, or takes over 15 s */
export async function recipientReplies(visit: Visit): Promise<string[]> {
  const plain = connect({
    host: '127.0.0.1',
    port: visit.port,
    localAddress: visit.localAddress ?? '127.0.0.1',
  });
  const deadline = setTimeout(() => plain.destroy(new Error('no answer within 15 s')), 15_000);
  let secured: TLSSocket | undefined;
  try {
    if (visit.proxiedFor !== undefined) plain.write(proxyLine(visit.proxiedFor));
    const talk = await reachEhlo(plain, visit, (socket) => (secured = socket));
    await talk.expect(`MAIL FROM:<${visit.from}>`, '250');
    const replies: string[] = [];
    for (const to of visit.to) replies.push(await talk.say(`RCPT TO:<${to}>`));
    if (visit.message !== undefined && replies.some((reply) => reply.startsWith('250'))) {
      await talk.expect('DATA', '354');
      await talk.expect(`${visit.message}\r\n.`, '250');
    }
    await talk.expect('QUIT', '221');
    return replies;
  } finally {
    clearTimeout(deadline);
    secured?.destroy();
    plain.destroy();
  }
}

/** To the reply to EHLO, inside TLS where there is to be any. */
async function reachEhlo(
  plain: Socket,
  { tls, ciphers = 'DEFAULT', begin = 'by_starttls', hello }: Visit,
  onSecured: (socket: TLSSocket) => void,
): Promise<Dialogue> {
  if (tls === 'none') return greeted(dialogueOver(plain), hello);
  const secured = () => dialogueOver(secure(plain, tls, ciphers, onSecured));
  if (begin === 'at_once') return greeted(secured());
  await (await greeted(dialogueOver(plain))).expect('STARTTLS', '220');
  plain.removeAllListeners('data');
  const talk = secured();
  await talk.expect('EHLO client.example', '250');
  return talk;
}

async function greeted(talk: Dialogue, hello: Visit['hello'] = 'EHLO'): Promise<Dialogue> {
  await talk.expect('', '220');
  await talk.expect(`${hello} client.example`, '250');
  return talk;
}

function secure(
  socket: Socket,
  version: SecureVersion,
  ciphers: string,
  onSecured: (socket: TLSSocket) => void,
): TLSSocket {
  const secured = connectTls({
    socket,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ciphers: `${ciphers}:@SECLEVEL=0`,
  });
  onSecured(secured);
  return secured;
}

function proxyLine(address: string): string {
  return address.includes(':')
    ? `PROXY TCP6 ${address} ::1 40000 25\r\n`
    : `PROXY TCP4 ${address} 127.0.0.1 40000 25\r\n`;
}

interface Dialogue {
  readonly say: (command: string) => Promise<string>;
  readonly expect: (command: string, code: string) => Promise<void>;
}

/** Says a command, and hears the whole reply; after nothing, the greeting. */
export function dialogueOver(socket: Socket): Dialogue {
  const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/;
  let buffer = '';
  let lost = '';
  let wake: () => void = () => undefined;
  const lose = (why: string) => {
    lost ||= why;
    wake();
  };
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString('latin1');
    wake();
  });
  socket.on('error', (error) => lose(error.message));
  socket.on('close', () => lose('the connection was closed'));
  const say: Dialogue['say'] = async (command) => {
    if (command !== '') socket.write(`${command}\r\n`);
    for (;;) {
      const reply = whole.exec(buffer)?.[0];
      if (reply !== undefined) {
        buffer = buffer.slice(reply.length);
        return reply.trimEnd();
      }
      if (lost !== '') throw new Error(`after ${command || 'connecting'}: ${lost}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    say,
    expect: async (command, code) => {
      const reply = await say(command);
      if (!reply.startsWith(code))
        throw new Error(`${command || 'the connection'} was answered with ${reply}`);
    },
  };
}
