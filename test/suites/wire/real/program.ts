/** What the real mail servers have in common: files in a directory of their own, a child process, and mail in a Maildir. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { stuffed } from '../../../../haraka-test-harness/smtp_client';
import type { Peer, Transfer, Visit } from '../peer';

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  process.once('exit', () => child.kill('SIGTERM'));
  return child;
}

/** SIGTERM makes Postfix’s master and Dovecot end their own children. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** @throws Error with the log where nobody answers there in time. */
export async function answering(port: number, logFile: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    const greeted = await new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
      socket.setTimeout(1000, () => resolve(false));
    });
    socket.destroy();
    if (greeted) return;
    if (Date.now() > deadline) throw new Error(`nobody greets on port ${port}:\n${textOf(logFile)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Files below a directory, at any depth. */
export function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** What a server delivered, whoever it was for. */
export class Maildirs {
  readonly #read = new Map<string, { readonly domain: string; readonly transfer: Transfer }>();

  readonly #directory: string;
  readonly #isIdle: () => boolean;
  readonly #recipientOf: (file: string, text: string) => string;

  constructor(directory: string, isIdle: () => boolean, recipientOf: (file: string, text: string) => string) {
    this.#directory = directory;
    this.#isIdle = isIdle;
    this.#recipientOf = recipientOf;
  }

  /** The server as a peer of one domain: what it delivered there stands for what was transferred. */
  peerOf(domain: string): Peer {
    // Known only once all is said and done; until then nobody is asked.
    let transfers: readonly Transfer[] = [];
    const visit = { cleartext: '', encrypted: '', commands: [], state: 'closed' } as const;
    return {
      name: `mx1.${domain}`,
      address: '127.0.0.1',
      port: 0,
      socket: '',
      get visits(): readonly Visit[] {
        return [{ ...visit, transfers }];
      },
      settled: async () => {
        const deadline = Date.now() + 10_000;
        while (!this.#isIdle() && Date.now() < deadline)
          await new Promise((resolve) => setTimeout(resolve, 100));
        transfers = this.#of(domain);
      },
      forget: () => undefined,
      stop: async () => Promise.resolve(),
    };
  }

  #of(domain: string): Transfer[] {
    for (const file of filesBelow(this.#directory)) {
      if (this.#read.has(file) || !file.includes('/new/')) continue;
      const text = readFileSync(file, 'latin1').replace(/\r?\n/g, '\r\n');
      const recipient = this.#recipientOf(file, text);
      const at = recipient.lastIndexOf('@');
      this.#read.set(file, {
        domain: recipient.slice(at + 1),
        transfer: transferOf(text, recipient.slice(0, at)),
      });
    }
    return [...this.#read.values()].filter((one) => one.domain === domain).map(({ transfer }) => transfer);
  }
}

/** Mail as it was delivered: with fields of the server on top of those that Haraka sent. */
function transferOf(text: string, recipient: string): Transfer {
  const sent = Math.max(0, text.search(/^Received: from client\.wire\.example/m));
  const isSecured = /using TLS|with (?:ESMTPSA?|LMTPS|UTF8SMTPSA?|UTF8LMTPS)\b/.test(text.slice(0, sent));
  return {
    from: '',
    parameters: '',
    to: [recipient],
    wire: stuffed(text.slice(sent)),
    taken: [recipient],
    protection: isSecured ? 'TLS' : 'cleartext',
  };
}
