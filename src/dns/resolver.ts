/**
 * A security-aware stub resolver (RFC 4033 section 2, RFC 4035 section 4.9).
 *
 * DNSSEC signs what DNS says. A resolver that validates checks the signatures, from the root down, and sets the AD bit in an
 * answer that is authentic (secure). An answer from a zone that is not signed has no AD (insecure). Where signatures are missing
 * or wrong, there is no answer but SERVFAIL (bogus).
 *
 * A stub does not check signatures itself. It asks such resolvers, and believes AD where nobody can have changed the answer on
 * the way: from this machine, over TLS, or where the operator vouches for the path. From anywhere else everything is insecure.
 *
 * What comes back is one of three: records, a denial ("there is none"), or a failure ("it cannot be told"). The first two are
 * secure or not. The last two are never confused, because a failed lookup must not look like the absence of protection.
 */
import { connect } from 'node:tls';
import type { TlsaRecord } from '../dane/types';
import { unlessAborted, withDeadline } from '../deadline';
import { silent, type Log } from '../log';
import { printable } from '../text';
import { canonicalDomain } from '../names';
import { AnswerCache, defaultCacheOptions, leastSize, type CacheOptions } from './cache';
import { EdnsMemory } from './edns';
import { Prober, type ProbeResult } from './probe';
import { isAskable, parseQuestion, questionText, type Question } from './question';
import type { RecordData } from './reading';
import { serverText, systemServers, type ResolverServer } from './server';
import type { ConnectTls } from './stream';
import type { Answer, FailedLookup, MxRecord } from './types';
import { Upstream, type Traffic, type UpstreamAnswer } from './upstream';

export { parseResolverServer, type ResolverServer } from './server';

export interface ResolverOptions {
  /** In order of preference; empty for the system's own. */
  readonly servers: readonly ResolverServer[];
  /** AD is believed over any path. For the system's own, `options trust-ad` of resolv.conf does nearly the same. */
  readonly trustAd: boolean;
  /** ms for one try at one resolver. */
  readonly timeoutMs: number;
  /** ms for one question, all tries and aliases included. */
  readonly deadlineMs: number;
  readonly cache: CacheOptions;
  /** The question of the probe, such as `. NS`. */
  readonly probe: string;
  /** ms between probes while some resolver does not validate; while all do, ten times that. */
  readonly probeIntervalMs: number;
  /** What this process knows of the EDNS of resolvers; a memory of its own where absent. Share it among all that the process makes. */
  readonly edns?: EdnsMemory;
  /** How a connection over TLS is opened: `tls.connect` where absent. */
  readonly connectTls?: ConnectTls;
  readonly log?: Log;
}

export const defaultResolverOptions: ResolverOptions = {
  servers: [],
  trustAd: false,
  timeoutMs: 3_000,
  deadlineMs: 10_000,
  cache: defaultCacheOptions,
  probe: '. NS',
  probeIntervalMs: 300_000,
};

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether DANE may hang on the answer: then only resolvers are asked that can tell what DNSSEC vouches for, if there are any. */
  readonly dane?: boolean;
}

/** Every method answers within the deadline and never rejects. Names are taken in canonical form. */
export interface Resolver {
  /** IPv4 addresses in text form. */
  a(name: string, options?: AskOptions): Promise<Answer<string>>;
  /** IPv6 addresses in text form. */
  aaaa(name: string, options?: AskOptions): Promise<Answer<string>>;
  mx(name: string, options?: AskOptions): Promise<Answer<MxRecord>>;
  /** One string per record, its character-strings joined, one character per octet (latin1). */
  txt(name: string, options?: AskOptions): Promise<Answer<string>>;
  /** What `txt` would answer without asking; `undefined` where it would have to ask. */
  keptTxt(name: string): Answer<string> | undefined;
  tlsa(name: string, options?: AskOptions): Promise<Answer<TlsaRecord>>;
  /** The alias at `name` itself; it is not followed. */
  cname(name: string, options?: AskOptions): Promise<Answer<string>>;
  status(): ResolverStatus;
  /** Finds out whether the resolvers validate, logs it where it is news, and repeats it from time to time until `close`. */
  probe(): Promise<ProbeResult>;
  /** Answers what is in flight with `cancelled`, closes all sockets and stops the probes. */
  close(): void;
}

export interface ResolverStatus {
  readonly servers: readonly {
    readonly server: string;
    /** Whether its AD bit is believed. */
    readonly trusted: boolean;
    readonly unhealthy: boolean;
    /** Whether it stopped to answer, and has not answered since. */
    readonly gone: boolean;
  }[];
  readonly probe: ProbeResult | 'not_probed';
  readonly traffic: Readonly<Traffic>;
  readonly cache: {
    readonly entries: number;
    readonly hits: number;
    readonly misses: number;
    readonly coalesced: number;
    readonly inFlight: number;
  };
}

type AnyAnswer = Answer<RecordData>;

/** A resolver for the whole process; its cache is worth sharing. Opens no socket before it is asked. */
export function createResolver(options: Partial<ResolverOptions> = {}): Resolver {
  return new StubResolver({ ...defaultResolverOptions, ...options });
}

class StubResolver implements Resolver {
  readonly #options: ResolverOptions;
  readonly #servers: readonly ResolverServer[];
  readonly #upstream: Upstream;
  readonly #cache: AnswerCache<AnyAnswer>;
  readonly #prober: Prober;
  readonly #closing = new AbortController();
  readonly #stopListening: () => void;

  constructor(options: ResolverOptions) {
    const { edns = new EdnsMemory() } = options;
    const system = options.servers.length === 0 ? systemServers() : undefined;
    const { timeoutMs, connectTls = connect } = options;
    this.#options = options;
    this.#servers = system?.servers ?? options.servers;
    this.#upstream = new Upstream({
      servers: this.#servers,
      vouched: options.trustAd ? 'by_operator' : (system?.vouched ?? 'by_nobody'),
      timeoutMs,
      connectTls,
      edns,
      onHealth: () => this.#prober.look(),
    });
    this.#cache = new AnswerCache(options.cache, sizeOf);
    this.#prober = new Prober({
      servers: this.#servers,
      question: parseQuestion(options.probe) ?? { name: '', type: 'NS' },
      upstream: this.#upstream,
      intervalMs: options.probeIntervalMs,
      log: options.log ?? silent,
    });
    // What came without OPT is insecure only because of that, and must not outlast it.
    this.#stopListening = edns.onChange((...modes) => {
      if (modes.includes('without_opt')) this.#cache.forget();
    });
  }

  a(name: string, options: AskOptions = {}) {
    return this.#ask({ name, type: 'A' }, options) as Promise<Answer<string>>;
  }

  aaaa(name: string, options: AskOptions = {}) {
    return this.#ask({ name, type: 'AAAA' }, options) as Promise<Answer<string>>;
  }

  mx(name: string, options: AskOptions = {}) {
    return this.#ask({ name, type: 'MX' }, options) as Promise<Answer<MxRecord>>;
  }

  txt(name: string, options: AskOptions = {}) {
    return this.#ask({ name, type: 'TXT' }, options) as Promise<Answer<string>>;
  }

  keptTxt(name: string) {
    return this.#cache.kept({ name, type: 'TXT' }) as Answer<string> | undefined;
  }

  tlsa(name: string, options: AskOptions = {}) {
    return this.#ask({ name, type: 'TLSA' }, options) as Promise<Answer<TlsaRecord>>;
  }

  cname(name: string, options: AskOptions = {}) {
    return this.#ask({ name, type: 'CNAME' }, options) as Promise<Answer<string>>;
  }

  status(): ResolverStatus {
    const { entries, hits, misses, coalesced, inFlight } = this.#cache;
    return {
      servers: this.#servers.map((server) => ({
        server: serverText(server),
        trusted: this.#upstream.isTrusted(server),
        unhealthy: this.#upstream.isUnhealthy(server),
        gone: this.#upstream.isGone(server),
      })),
      probe: this.#prober.last,
      traffic: { ...this.#upstream.traffic },
      cache: { entries, hits, misses, coalesced, inFlight },
    };
  }

  probe(): Promise<ProbeResult> {
    return this.#prober.probe();
  }

  close(): void {
    this.#closing.abort();
    this.#stopListening();
    this.#prober.close();
    this.#cache.clear();
    this.#upstream.close();
  }

  /** What is kept needs no more than this: it happens several times for every message. */
  #ask(plain: Question, options: AskOptions): Promise<AnyAnswer> {
    const question: Question =
      options.dane === true && this.#upstream.isMixed ? { ...plain, resolvers: 'able_to_tell' } : plain;
    const kept = this.#cache.kept(question);
    return kept === undefined ? this.#askAnew(question, options) : Promise.resolve(kept);
  }

  async #askAnew(question: Question, options: AskOptions): Promise<AnyAnswer> {
    const { signal } = options;
    const cancelled = () => failed('cancelled', `${printable(questionText(question))}: cancelled`);
    if (this.#closing.signal.aborted) return cancelled();
    if (!isAskable(question.name)) {
      return failed('malformed', `${printable(questionText(question))}: no name that can be asked for`);
    }
    const answer = await this.#cache.get(
      question,
      signal,
      (shared) => this.#askUpstream(question, shared),
      cancelled,
    );
    // Meanwhile it may have turned out that some resolvers cannot tell, and theirs may be this answer.
    const overtaken =
      options.dane === true &&
      question.resolvers === undefined &&
      this.#upstream.isMixed &&
      answer.kind !== 'failed';
    return overtaken ? this.#askAnew({ ...question, resolvers: 'able_to_tell' }, options) : answer;
  }

  async #askUpstream(question: Question, signal: AbortSignal): Promise<AnyAnswer> {
    try {
      const answer = await withDeadline(this.#options.deadlineMs, signal, (limit) =>
        this.#askOnceProbed(question, limit),
      );
      return this.#toAnswer(answer);
    } catch (error) {
      // A fault of ours in one question is that question's failure, not the caller's.
      this.#options.log?.error(printable(`${questionText(question)}: ${String(error)}`));
      return failed('malformed', printable(`${questionText(question)}: ${String(error)}`));
    }
  }

  /**
   * While the first probe is under way, a question may fail only because it had OPT: it waits for what the probe finds, and
   * is put once more where it is put otherwise from then on.
   */
  async #askOnceProbed(question: Question, signal: AbortSignal): Promise<UpstreamAnswer> {
    const before = this.#upstream.modes;
    const answer = await this.#upstream.ask(question, signal);
    if (answer.kind === 'answered') return answer;
    await unlessAborted(this.#prober.first, signal, () => undefined);
    const asBefore = this.#upstream.modes.every((mode, index) => mode === before[index]);
    return asBefore || signal.aborted ? answer : this.#upstream.ask(question, signal);
  }

  #toAnswer(answer: UpstreamAnswer): AnyAnswer {
    if (answer.kind === 'failed') return failed(answer.failure.cause, printable(answer.failure.detail, 400));
    const { reading, secure } = answer;
    return reading.kind === 'records'
      ? {
          ...reading,
          secure,
          records: reading.records.map(canonicalData),
          ttl: this.#cache.recordsTtl(reading.ttl),
        }
      : { ...reading, secure, ttl: this.#cache.denialTtl(reading.ttl) };
  }
}

/** Exchange names in canonical form; one that is no host name stays as it is, and has no address. */
function canonicalData(data: RecordData): RecordData {
  if (typeof data === 'string' || !('exchange' in data)) return data;
  return { preference: data.preference, exchange: canonicalDomain(data.exchange) ?? data.exchange };
}

function failed(cause: FailedLookup['cause'], detail: string): FailedLookup {
  return { kind: 'failed', cause, detail };
}

/** About how many octets an answer takes. */
function sizeOf(answer: AnyAnswer): number {
  if (answer.kind === 'failed') return leastSize + answer.detail.length;
  if (answer.kind === 'denied') return leastSize;
  return answer.records.reduce((sum, data) => sum + dataSize(data), leastSize);
}

function dataSize(data: RecordData): number {
  if (typeof data === 'string') return 40 + data.length;
  return 'data' in data ? 120 + data.data.length : 80 + data.exchange.length;
}
