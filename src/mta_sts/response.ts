/** Asks for the policy over an established connection, and takes no answer but the one that RFC 8461 section 3.3 allows. */
import * as http from 'node:http';
import type { TLSSocket } from 'node:tls';
import { messageOf, printable } from '../text';

export const policyPath = '/.well-known/mta-sts.txt';

/** More than any honest server sends before its answer. */
const mostInterim = 8;

export type Body =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  /** The host answered, and the answer is no policy: another address of it would say the same. */
  | { readonly kind: 'refused'; readonly why: string }
  /** No complete answer came. */
  | { readonly kind: 'failed'; readonly why: string };

/**
 * One GET. Never rejects; the socket is destroyed in any case. `maxBytes` bounds what is read of the body. When `signal`
 * is aborted the outcome is `failed`.
 */
export function requestPolicy(
  socket: TLSSocket,
  policyHost: string,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<Body> {
  return new Promise<Body>((resolve) => {
    let interim = 0;
    const fail = (why: string) => resolve({ kind: 'failed', why: printable(why) });
    const refuse = (why: string) => resolve({ kind: 'refused', why: printable(why) });
    const onAbort = () => fail('no complete answer in time');
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const request = http.request({
      // Without an agent: it would keep the connection for requests that never come.
      createConnection: () => socket,
      setHost: false,
      path: policyPath,
      headers: {
        Host: policyHost,
        // What stands in front of web servers often turns away clients that do not say what they are.
        'User-Agent': 'haraka-plugin-tls-peers',
        Accept: 'text/plain',
        'Accept-Encoding': 'identity',
        Connection: 'close',
      },
      maxHeaderSize: 16_384,
      insecureHTTPParser: false,
    });
    request.on('error', (error) => fail(messageOf(error)));
    request.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      fail('the connection closed before the answer was complete');
    });
    request.on('information', () => {
      if (++interim > mostInterim) refuse('too many interim answers');
    });
    request.on('upgrade', () => refuse('HTTP status 101'));
    request.on('response', (response) => {
      const refusal = refuseHead(response, maxBytes);
      if (refusal === undefined) readBody(response, maxBytes, resolve);
      else refuse(refusal);
    });
    request.end();
  }).finally(() => socket.destroy());
}

/** Why an answer with this status line and these headers is no policy; `undefined` where it may be one. */
function refuseHead({ statusCode, headers }: http.IncomingMessage, maxBytes: number): string | undefined {
  // Redirects must not be followed, and no other status carries a policy (RFC 8461 section 3.3).
  if (statusCode !== 200) return `HTTP status ${statusCode ?? 'missing'}`;
  const type = headers['content-type'];
  if (type === undefined) return 'no Content-Type';
  // A host that lets strangers publish pages or images must not thereby let them publish policies.
  if (!/^text\/plain[ \t]*(?:;|$)/i.test(type)) return `Content-Type ${type} instead of text/plain`;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && !/^identity$/i.test(encoding))
    return `Content-Encoding ${encoding}, not asked for`;
  return refuseFraming(headers, maxBytes);
}

/**
 * A body without a length ends where the connection does. RFC 9112 section 6.3 would have it complete after a
 * close_notify, but Node tells no difference between that and a bare FIN, which anybody on the way can send: cut within a
 * number, `max_age: 86400` reads `max_age: 8`.
 */
function refuseFraming(headers: http.IncomingHttpHeaders, maxBytes: number): string | undefined {
  const coding = headers['transfer-encoding'];
  if (coding !== undefined)
    return /^chunked$/i.test(coding) ? undefined : `Transfer-Encoding ${coding}, not asked for`;
  const length = headers['content-length'];
  if (length === undefined) return 'neither Content-Length nor chunked: where the answer ends cannot be told';
  return Number(length) > maxBytes ? `longer than ${maxBytes} bytes` : undefined;
}

function readBody(response: http.IncomingMessage, maxBytes: number, resolve: (body: Body) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
    else resolve({ kind: 'refused', why: `longer than ${maxBytes} bytes` });
  });
  response.on('error', (error) => resolve({ kind: 'failed', why: printable(messageOf(error)) }));
  response.on('end', () => resolve({ kind: 'body', bytes: Buffer.concat(chunks) }));
}
