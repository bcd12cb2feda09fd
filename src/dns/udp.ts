/** One query over UDP, on a socket of its own. */
import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { messageOf } from '../text';
import { abortOutcome, judgeArrival, type Exchange } from './exchange';
import { encodeQuery, type Opt } from './query';
import type { Question } from './question';

export interface UdpOptions {
  /** `with_opt` where absent. */
  readonly opt?: Opt;
  /** Ends the exchange; the socket is closed before the promise resolves. */
  readonly signal: AbortSignal;
  /** A datagram that is no answer to this query arrived and was ignored. */
  readonly onForeign: (why: string) => void;
}

/**
 * Sends `question` in a datagram and waits for its answer, for as long as `signal` lets it.
 *
 * The socket is connected, so that the kernel drops what other sources send, and is new, so that its port is as
 * random as the id (RFC 5452 section 9.2). Never rejects.
 */
export function askUdp(
  server: { readonly address: string; readonly port: number },
  question: Question,
  { opt = 'with_opt', signal, onForeign }: UdpOptions,
): Promise<Exchange> {
  if (signal.aborted) return Promise.resolve(abortOutcome(signal));
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let over = false;
    const finish = (outcome: Exchange) => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', onAbort);
      socket.close(() => resolve(outcome));
    };
    const onAbort = () => finish(abortOutcome(signal));
    const fail = (error: unknown) =>
      finish({ kind: 'failed', cause: 'network', why: `UDP: ${messageOf(error)}` });
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    socket.on('message', (datagram) => {
      const arrival = judgeArrival(datagram, id, question);
      if (arrival.kind === 'foreign') onForeign(arrival.why);
      else finish(arrival);
    });
    socket.on('connect', () => {
      if (over) return;
      socket.send(encodeQuery(id, question, opt), (error) => {
        if (error) fail(error);
      });
    });
    try {
      socket.connect(server.port, server.address);
    } catch (error) {
      fail(error);
    }
  });
}
