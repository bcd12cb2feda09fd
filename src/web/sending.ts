/** Writes answers, and bounds what slow readers can hold. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { common, failure, type Answer } from './shared/answer';

/** Milliseconds without any progress until a reader is given up. */
const stalledMs = 20_000;

/** Octets of all answers that are being read. */
const mostHeld = 64 << 20;

export class Sending {
  #held = 0;

  send(request: IncomingMessage, response: ServerResponse, wanted: Answer): void {
    if (response.destroyed || response.headersSent) return;
    const size = wanted.body === undefined ? 0 : Buffer.byteLength(wanted.body);
    const answer =
      this.#held + size > mostHeld
        ? failure(503, 'too much is being read by others', { 'Retry-After': '5' })
        : wanted;
    const body = answer.body ?? '';
    const octets = Buffer.byteLength(body);
    response.removeHeader('X-Powered-By');
    response.writeHead(answer.status, {
      ...common,
      ...answer.headers,
      'Content-Length': octets,
      // What is left of a body that was not read would be taken for the next request.
      ...(request.complete || request.method === 'GET' || request.method === 'HEAD'
        ? {}
        : { Connection: 'close' }),
    });
    this.#held += octets;
    response.once('close', () => (this.#held -= octets));
    response.setTimeout(stalledMs, () => response.destroy());
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}
