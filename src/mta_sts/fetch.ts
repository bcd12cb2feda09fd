/** Fetches the policy of a domain from `https://mta-sts.<domain>/.well-known/mta-sts.txt` (RFC 8461 section 3.3). */
import { unlessAborted, withDeadline } from '../deadline';
import type { Answer } from '../dns/types';
import type { Failure } from '../failure';
import { messageOf, printable } from '../text';
import { inTurn, isPublicAddress } from './addresses';
import { connectTo, openTls, type Connected, type OpenTls } from './connect';
import { KeyedSemaphore } from './keyed_semaphore';
import { describeFault, parsePolicy, type LineFault } from './policy';
import { requestPolicy, type Body } from './response';
import type { StsPolicy } from './types';
import { createUnreachable, type Unreachable } from './unreachable';
import { policyHostOf } from './well_known_names';

/** The lookups that a fetch needs; the names are canonical. */
export interface AddressResolver {
  a(name: string, options?: { signal?: AbortSignal }): Promise<Answer<string>>;
  aaaa(name: string, options?: { signal?: AbortSignal }): Promise<Answer<string>>;
}

export interface FetchOptions {
  /** Also connect to private, loopback, link-local and other special-purpose addresses. */
  readonly allowPrivate: boolean;
  /** For one policy: lookups, waiting for a place, every address, the answer. Milliseconds, default 20,000. */
  readonly timeoutMs?: number;
  /** Of this, for the TLS connection to one address. Milliseconds, default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Of this, for the answer once TLS stands: a silent host must not keep a place from others. Milliseconds, default 10,000. */
  readonly answerTimeoutMs?: number;
  /** Of the response body. Default 65,536 (RFC 8461 section 3.3 suggests a limit of this kind). */
  readonly maxBytes?: number;
  /** Connections at a time, in all. Default 32. */
  readonly maxInFlight?: number;
  /** Connections at a time to one address. Default 4. */
  readonly maxPerAddress?: number;
}

const defaults = {
  timeoutMs: 20_000,
  connectTimeoutMs: 5_000,
  answerTimeoutMs: 10_000,
  maxBytes: 65_536,
  maxInFlight: 32,
  maxPerAddress: 4,
} as const;

export type Fetched =
  /** `idle`: lines of it that match no host, for the log. */
  | { readonly kind: 'fetched'; readonly policy: StsPolicy; readonly idle: readonly LineFault[] }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** No place was free in time, or none of its addresses has answered lately: nothing was asked, and nothing is known. */
  | { readonly kind: 'not_asked'; readonly failure: Failure };

/** How long an address that did not answer is passed over. */
const passedOverMs = 60_000;
/** A host may list any number of addresses; the time is shared out among this many. */
const mostAddresses = 8;

/** What came of one address of a policy host. */
type Attempt = Body | { readonly kind: 'unconnected' | 'not_asked'; readonly failure: Failure };

/** What is asked of a policy host at each of its addresses. */
interface Request {
  readonly host: string;
  readonly extraRoots: string;
}

/** It holds the bounds on connections, so there is one for all domains. */
export class PolicyFetcher {
  readonly #resolver: AddressResolver;
  readonly #options: Required<FetchOptions>;
  readonly #open: OpenTls;
  readonly #semaphore: KeyedSemaphore;
  readonly #unreachable: Unreachable;

  constructor(deps: {
    readonly resolver: AddressResolver;
    readonly options: FetchOptions;
    readonly open?: OpenTls | undefined;
  }) {
    const options = { ...defaults, ...deps.options };
    this.#resolver = deps.resolver;
    this.#options = options;
    this.#open = deps.open ?? openTls;
    this.#semaphore = new KeyedSemaphore({ total: options.maxInFlight, perKey: options.maxPerAddress });
    this.#unreachable = createUnreachable({
      passedOverMs,
      trialMs: options.connectTimeoutMs,
      now: () => performance.now(),
    });
  }

  /** Never rejects; settles within the time limit, at once when `signal` is aborted. */
  async fetch(
    domain: string,
    { extraRoots, signal }: { readonly extraRoots: string; readonly signal: AbortSignal },
  ): Promise<Fetched> {
    const host = policyHostOf(domain);
    if (host === undefined) return fetchError('the name of the policy host would be too long');
    try {
      return await withDeadline(this.#options.timeoutMs, signal, (limit) =>
        this.#fetchFrom({ host, extraRoots }, limit),
      );
    } catch (error) {
      // Such as roots that cannot be read: for this domain there is no policy, other domains are not concerned.
      return fetchError(`${host}: ${messageOf(error)}`);
    }
  }

  async #fetchFrom(request: Request, signal: AbortSignal): Promise<Fetched> {
    const { timeoutMs } = this.#options;
    const { host } = request;
    const endsAt = performance.now() + timeoutMs;
    const found = await lookUp(this.#resolver, host, timeoutMs / 3, signal);
    if (found.kind === 'failed') return found;
    const failures: Failure[] = [];
    let asked = false;
    for (const [index, address] of found.addresses.entries()) {
      const share = (endsAt - performance.now()) / (found.addresses.length - index);
      const attempt = await withDeadline(share, signal, (limit) => this.#attempt(address, request, limit));
      if (attempt.kind === 'body') return policyFrom(attempt.bytes);
      if (attempt.kind === 'refused') return fetchError(`${host}: ${attempt.why}`);
      asked ||= attempt.kind !== 'not_asked';
      const { reason, text } = attempt.kind === 'failed' ? fetchFailure(attempt.why) : attempt.failure;
      failures.push({ reason, text: `${address}: ${text}` });
      if (signal.aborted) break;
    }
    return { kind: asked ? 'failed' : 'not_asked', failure: summary(host, failures) };
  }

  async #attempt(address: string, request: Request, signal: AbortSignal): Promise<Attempt> {
    const { allowPrivate, answerTimeoutMs, maxBytes } = this.#options;
    if (!allowPrivate && !isPublicAddress(address)) {
      return unconnected('a special-purpose address, not connected to (mta_sts_allow_private)');
    }
    const release = await this.#semaphore.acquire(address, signal).catch(() => undefined);
    if (release === undefined) return notAsked('too many fetches under way');
    // Asked only now, for the sake of those that waited for a place at an address that turned out not to answer.
    if (this.#unreachable.isPassedOver(address)) {
      release();
      return notAsked('did not answer lately');
    }
    try {
      // The place is free again when the connection is gone, not already when nothing waits for it any more.
      const open: OpenTls = (to, tlsOptions) => this.#open(to, tlsOptions).once('close', release);
      const connected = await this.#connect(address, { ...request, open }, signal);
      if (connected.kind !== 'connected') return { kind: 'unconnected', failure: connected.failure };
      const { socket } = connected;
      return await withDeadline(answerTimeoutMs, signal, (limit) =>
        requestPolicy(socket, request.host, { maxBytes, signal: limit }),
      );
    } catch (error) {
      release();
      throw error;
    }
  }

  async #connect(
    address: string,
    { host, extraRoots, open }: Request & { readonly open: OpenTls },
    signal: AbortSignal,
  ): Promise<Connected> {
    const connected = await withDeadline(this.#options.connectTimeoutMs, signal, (limit) =>
      connectTo(address, host, { extraRoots, open, signal: limit }),
    );
    if (connected.kind !== 'silent') this.#unreachable.noteAnswer(address);
    // Not where it was us who ran out of patience before its time was over.
    else if (!signal.aborted) this.#unreachable.noteSilence(address);
    return connected;
  }
}

type Addresses =
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** `ms`: a family whose lookup has no answer by then counts as failed, and the other has to do. */
async function lookUp(
  resolver: AddressResolver,
  host: string,
  ms: number,
  parent: AbortSignal,
): Promise<Addresses> {
  const late = { kind: 'failed', detail: 'the lookup of its addresses took too long' } as const;
  const answers = await withDeadline(ms, parent, (signal) =>
    Promise.all([
      unlessAborted(resolver.aaaa(host, { signal }), signal, () => late),
      unlessAborted(resolver.a(host, { signal }), signal, () => late),
    ]),
  );
  const [six = [], four = []] = answers.map((answer) => (answer.kind === 'records' ? answer.records : []));
  const addresses = [...new Set(inTurn(six, four))].slice(0, mostAddresses);
  if (addresses.length > 0) return { kind: 'found', addresses };
  const failed = answers.find((answer) => answer.kind === 'failed');
  return fetchError(failed === undefined ? `${host} has no address` : `${host}: ${failed.detail}`);
}

function policyFrom(bytes: Buffer): Fetched {
  const parsed = parsePolicy(bytes);
  return parsed.ok
    ? { kind: 'fetched', policy: parsed.policy, idle: parsed.idle }
    : { kind: 'failed', failure: { reason: 'sts-policy-invalid', text: describeFault(parsed.fault) } };
}

/** All that went wrong in one line; a certificate that was refused says more than a host that did not answer. */
function summary(host: string, failures: readonly Failure[]): Failure {
  const refused = failures.some(({ reason }) => reason === 'sts-webpki-invalid');
  const text = `${host}: ${failures.map((failure) => failure.text).join('; ')}`;
  return { reason: refused ? 'sts-webpki-invalid' : 'sts-policy-fetch-error', text: printable(text, 600) };
}

function fetchFailure(text: string): Failure {
  return { reason: 'sts-policy-fetch-error', text: printable(text, 600) };
}

function fetchError(text: string) {
  return { kind: 'failed', failure: fetchFailure(text) } as const;
}

function unconnected(text: string): Attempt {
  return { kind: 'unconnected', failure: fetchFailure(text) };
}

function notAsked(text: string): Attempt {
  return { kind: 'not_asked', failure: fetchFailure(text) };
}
