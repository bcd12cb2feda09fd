/** Looks at a listener with TLS from the first octet (RFC 8314 section 3.3): the handshake, and the greeting within it. */
import * as net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { withDeadline } from '../deadline';
import { beginHandshake } from '../session/handshake';
import { messageOf, printable } from '../text';
import { handshakeFailure } from '../tls/failure';
import { handshakeOptions, type HandshakeOptions, type HandshakeRequest } from '../tls/options';
import type { TlsSession } from '../tls/session';
import type { Probe } from './probe';

export interface ImplicitTlsOptions {
  readonly address: string;
  readonly port: number;
  readonly handshake: HandshakeRequest;
  /** Milliseconds for the visit. */
  readonly deadlineMs: number;
}

/** Never rejects, and leaves neither socket nor timer behind. */
export async function probeImplicitTls(options: ImplicitTlsOptions): Promise<Probe> {
  const { address, port } = options;
  const socket = net.connect({ host: address, port });
  try {
    return await withDeadline(options.deadlineMs, undefined, (signal) => visit(socket, options, signal));
  } finally {
    socket.destroy();
  }
}

const nothingSaid = { dialogue: { greeting: '', ehlo: '', starttls: '' } } as const;

async function visit(
  socket: net.Socket,
  { handshake }: ImplicitTlsOptions,
  signal: AbortSignal,
): Promise<Probe> {
  const connected = await outcomeOf(socket, 'connect', signal);
  if (connected !== undefined) return { kind: 'unreachable', problem: textOf(connected), ...nothingSaid };
  let options: HandshakeOptions;
  try {
    options = handshakeOptions(handshake);
  } catch (error) {
    return noTls(error, { minVersion: handshake.terms.minVersion, maxVersion: 'TLSv1.3' });
  }
  const begun = beginHandshake(socket, options, handshake.terms);
  try {
    const failed = await outcomeOf(begun.socket, 'secureConnect', signal);
    if (failed !== undefined) return noTls(failed, options);
    const { session } = begun.facts();
    // The verdict comes later, when the connection is gone and Node could no longer tell.
    session.certificates.chain();
    return await greeted(begun.socket, session, signal);
  } finally {
    begun.socket.destroy();
  }
}

function noTls(error: unknown, versions: Pick<HandshakeOptions, 'minVersion' | 'maxVersion'>): Probe {
  return { kind: 'no_tls', failure: handshakeFailure(error, versions), ...nothingSaid };
}

async function greeted(socket: TLSSocket, session: TlsSession, signal: AbortSignal): Promise<Probe> {
  let first = '';
  socket.on('data', (octets: Buffer) => (first += octets.toString('latin1', 0, 100)));
  const failed = await outcomeOf(socket, 'data', signal);
  const then =
    failed !== undefined
      ? ({ kind: 'failed', problem: textOf(failed) } as const)
      : first.startsWith('220')
        ? ({ kind: 'ready' } as const)
        : ({ kind: 'failed', problem: `it is greeted with ${printable(first.trim())}` } as const);
  return {
    kind: 'encrypted',
    session,
    then,
    dialogue: { ...nothingSaid.dialogue, greeting: printable(first) },
  };
}

/** @returns what went wrong before `event` came; `undefined` where it did */
function outcomeOf(socket: net.Socket, event: string, signal: AbortSignal): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const onAbort = (): void => end(new Error('no answer in time'));
    const onClose = (): void => end(new Error('the connection was closed'));
    const onEvent = (): void => end(undefined);
    const end = (problem: Error | undefined): void => {
      socket.off(event, onEvent).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      resolve(problem);
    };
    // An error may still come when it is over.
    socket.on('error', end);
    socket.once(event, onEvent).once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function textOf(error: Error): string {
  return printable(messageOf(error));
}
