/** A report by HTTPS (RFC 8460 section 5.4): to public addresses alone, the certificate verified, no redirects. */
import { request } from 'node:http';
import * as tls from 'node:tls';
import { withDeadline } from '../../deadline';
import type { Resolver } from '../../dns/resolver';
import { inTurn, isPublicAddress } from '../../mta_sts/addresses';
import { connectTo } from '../../mta_sts/connect';
import { messageOf, printable } from '../../text';

export interface PostOptions {
  readonly resolver: Pick<Resolver, 'a' | 'aaaa'>;
  /** Milliseconds for all of it. */
  readonly deadlineMs?: number;
}

export type Posted = { readonly kind: 'accepted' } | { readonly kind: 'failed'; readonly text: string };

const usualDeadline = 60_000;
const mostAddresses = 4;

/** Never rejects. */
export async function postReport(url: URL, body: Uint8Array, options: PostOptions): Promise<Posted> {
  try {
    return await withDeadline(options.deadlineMs ?? usualDeadline, undefined, async (signal) => {
      const addresses = await addressesOf(url.hostname, options, signal);
      let text = `${url.hostname} has no public address`;
      for (const address of addresses.slice(0, mostAddresses)) {
        const connected = await connectTo(address, url.hostname, {
          extraRoots: '',
          open: (host, tlsOptions) => tls.connect({ ...tlsOptions, host, port: Number(url.port || 443) }),
          signal,
        });
        if (connected.kind !== 'connected') {
          text = connected.failure.text;
          continue;
        }
        return await exchange(connected.socket, url, body, signal);
      }
      return { kind: 'failed', text: printable(text) };
    });
  } catch (error) {
    return { kind: 'failed', text: printable(messageOf(error)) };
  }
}

async function addressesOf(host: string, { resolver }: PostOptions, signal: AbortSignal): Promise<string[]> {
  const [v4, v6] = await Promise.all([resolver.a(host, { signal }), resolver.aaaa(host, { signal })]);
  const found = inTurn(
    v6.kind === 'records' ? v6.records : [],
    v4.kind === 'records' ? v4.records : [],
  ).filter(isPublicAddress);
  const failed = [v4, v6].find(({ kind }) => kind === 'failed');
  if (found.length === 0 && failed?.kind === 'failed') throw new Error(failed.detail);
  return found;
}

function exchange(socket: tls.TLSSocket, url: URL, body: Uint8Array, signal: AbortSignal): Promise<Posted> {
  return new Promise((resolve) => {
    const settle = (posted: Posted): void => {
      socket.destroy();
      resolve(posted);
    };
    const fail = (text: string): void => settle({ kind: 'failed', text: printable(text) });
    signal.addEventListener('abort', () => fail(`${url.hostname} did not answer in time`), { once: true });
    const posting = request({
      method: 'POST',
      host: url.hostname,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'content-type': 'application/tlsrpt+gzip',
        'content-length': body.length,
        connection: 'close',
      },
      maxHeaderSize: 16_384,
      createConnection: () => socket,
    });
    posting.on('error', (error) => fail(messageOf(error)));
    posting.on('response', (response) => {
      const { statusCode = 0, statusMessage = '' } = response;
      response.destroy();
      if (statusCode >= 200 && statusCode < 300) settle({ kind: 'accepted' });
      else fail(`${url.hostname} answered ${statusCode} ${statusMessage}`.trim());
    });
    posting.end(body);
  });
}
