/** What the real mail servers have in common: files in a directory of their own, a child process, and mail in a Maildir. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { stuffed } from '../../../haraka-test-harness/smtp_client';
import type { Peer, Transfer, Visit } from '../peer';

export interface Program {
  /** What is missing to run it here; empty where nothing is. */
  readonly missing: string;
}

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

/** A real server as a peer of one domain: what it delivered there stands for what was transferred. */
export function deliveredPeer(domain: string, maildirs: string, isIdle: () => boolean): Peer {
  return {
    name: `mx1.${domain}`,
    address: '127.0.0.1',
    port: 0,
    socket: '',
    get visits(): readonly Visit[] {
      const transfers = filesBelow(maildirs)
        .filter((file) => /\/new\//.test(file))
        .map((file) => transferIn(readFileSync(file, 'latin1'), domain))
        .filter((one) => one !== 'elsewhere');
      return [{ cleartext: '', encrypted: '', commands: [], transfers, state: 'closed' }];
    },
    settled: async () => {
      const deadline = Date.now() + 10_000;
      while (!isIdle() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    },
    forget: () => undefined,
    stop: async () => Promise.resolve(),
  };
}

/** Mail as it was delivered: LF for CRLF, and fields of the server on top of those that Haraka sent. */
function transferIn(file: string, domain: string): Transfer | 'elsewhere' {
  const text = file.replace(/\r?\n/g, '\r\n');
  const to = /^Delivered-To: <?(.*?)>?\r$/m.exec(text)?.[1] ?? '';
  if (!to.endsWith(`@${domain}`)) return 'elsewhere';
  const sent = text.search(/^Received: from client\.wire\.example/m);
  const local = to.slice(0, to.lastIndexOf('@'));
  return {
    from: '',
    parameters: '',
    to: [local],
    wire: stuffed(text.slice(Math.max(0, sent))),
    taken: [local],
    protection: /using TLS|with (?:ESMTPS|LMTPS|UTF8SMTPS|UTF8LMTPS)/.test(text.slice(0, Math.max(0, sent)))
      ? 'TLS'
      : 'cleartext',
  };
}
