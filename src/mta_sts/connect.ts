/** A TLS connection to a policy host that has proved its name (RFC 8461 section 3.3). */
import * as tls from 'node:tls';
import type { Failure } from '../failure';
import { messageOf, printable } from '../text';
import { trustedRoots } from '../tls/roots';
import { sentChain } from '../tls/sent_chain';
import { nameError, verifiedContext } from '../tls/verified';
import { WorkBudget } from '../x509/work_budget';
import { forbiddingIssuer } from '../x509/reference_name';

/** Opens a TLS connection to port 443 of an address. Tests put ports of their own in its place. */
export type OpenTls = (address: string, options: tls.ConnectionOptions) => tls.TLSSocket;

export const openTls: OpenTls = (address, options) => tls.connect({ ...options, host: address, port: 443 });

export type Connected =
  | { readonly kind: 'connected'; readonly socket: tls.TLSSocket }
  /** `signal` was aborted first. */
  | { readonly kind: 'silent'; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly failure: Failure };

/**
 * Connects to one address of `policyHost`; TLS 1.2 or later, the certificate trusted and for that name. The caller
 * destroys the socket. When `signal` is aborted the attempt fails and leaves no socket behind.
 */
export function connectTo(
  address: string,
  policyHost: string,
  options: { readonly extraRoots: string; readonly open: OpenTls; readonly signal: AbortSignal },
): Promise<Connected> {
  const { extraRoots, open, signal } = options;
  return new Promise((resolve) => {
    // An error here, such as roots that cannot be read, rejects: no socket was made.
    const socket = open(address, {
      secureContext: verifiedContext(extraRoots),
      servername: policyHost,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) =>
        nameError(policyHost, certificate.raw) ?? constraintError(socket, policyHost, extraRoots),
    });
    const settle = (result: Connected) => {
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const fail = (failure: Failure, kind: 'failed' | 'silent' = 'failed') => {
      socket.destroy();
      settle({ kind, failure });
    };
    const onAbort = () => fail(unreachable('no TLS connection in time'), 'silent');
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', () => settle({ kind: 'connected', socket }));
    // Stays for the life of the socket: an error after the answer was read must not become an uncaught one.
    socket.on('error', (error: Error) => fail(connectionFailure(socket, error)));
    socket.once('close', () => fail(unreachable('closed before TLS was established')));
    if (signal.aborted) onAbort();
  });
}

/** The name of the policy host is held against the constraints of the CAs above its certificate, as that of an MX host is. */
function constraintError(socket: tls.TLSSocket, policyHost: string, extraRoots: string): Error | undefined {
  const [leaf, ...sent] = sentChain(socket.getPeerX509Certificate());
  if (leaf === undefined) return undefined;
  try {
    const issuers = [...sent, ...trustedRoots(extraRoots).constraining()];
    if (forbiddingIssuer(leaf, issuers, policyHost, new WorkBudget()) === undefined) return undefined;
    return new Error(`an issuer of the certificate does not permit it to stand for ${policyHost}`);
  } catch (error) {
    return new Error(messageOf(error));
  }
}

function connectionFailure(socket: tls.TLSSocket, error: Error): Failure {
  // Node sets this where the handshake worked and verification refused the certificate.
  const refused = socket.authorizationError as unknown;
  if (refused === undefined || refused === null) return unreachable(reasonOf(error));
  return { reason: 'sts-webpki-invalid', text: printable(messageOf(error)) };
}

/** OpenSSL's own words where it was OpenSSL that failed; the whole message names source lines and addresses. */
function reasonOf(error: Error): string {
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : messageOf(error);
}

function unreachable(text: string): Failure {
  return { reason: 'sts-policy-fetch-error', text: printable(text) };
}
