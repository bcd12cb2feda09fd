/** Puts one question to the configured resolvers: transports, tries, deadlines, failover. */
import { withDeadline } from '../deadline';
import type { EdnsConclusion, EdnsMemory, EdnsSupport, OptMode } from './edns';
import { probeEdns } from './edns_probe';
import { abortOutcome, type Exchange } from './exchange';
import { FairSemaphore } from './fair_semaphore';
import { Health } from './health';
import type { Opt } from './query';
import type { Question } from './question';
import { detailOf, maxAliases, rcodeText, readAnswer, type Reading } from './reading';
import { isTrustedPath, serverText, type ResolverServer, type Vouched } from './server';
import { StreamConnection, type ConnectTls } from './stream';
import type { FailedLookup } from './types';
import { askUdp } from './udp';

export interface UpstreamOptions {
  readonly servers: readonly ResolverServer[];
  /** Whether and by whom the path to all of them is vouched for. */
  readonly vouched: Vouched;
  /** ms for one try at one resolver. */
  readonly timeoutMs: number;
  readonly connectTls: ConnectTls;
  /** What this process knows of their EDNS. */
  readonly edns: EdnsMemory;
  /** Called when a resolver does not answer any more, and when it does again. */
  readonly onHealth: () => void;
}

/** What was sent and seen; counters only grow. */
export interface Traffic {
  udp: number;
  tcp: number;
  tls: number;
  /** Arrivals that were no answer to what was asked, and were ignored: mistakes or forgeries. */
  foreign: number;
}

/** What one try, or all tries for one name, came to. */
export type Attempt =
  | {
      readonly kind: 'answered';
      readonly reading: Exclude<Reading, { kind: 'failed' }>;
      /** DNSSEC vouches for it, over a path that can be believed. */
      readonly secure: boolean;
      /** What the resolver claims, believed or not. */
      readonly authenticData: boolean;
    }
  | { readonly kind: 'failed'; readonly failure: FailedLookup };

/** What the probe of one resolver came to. */
export interface Probed {
  /** The answer in the mode in which the resolver is asked from now on. */
  readonly attempt: Attempt;
  /** What a question with OPT came to at first, such as `. NS at 127.0.0.1:53: FORMERR`; empty where it was answered. */
  readonly withOpt: string;
  readonly conclusion: EdnsConclusion;
  readonly support: EdnsSupport;
}

/** As `Attempt`, with all aliases followed. */
export type UpstreamAnswer =
  | {
      readonly kind: 'answered';
      readonly reading: Exclude<Reading, { kind: 'failed' | 'alias' }>;
      readonly secure: boolean;
    }
  | { readonly kind: 'failed'; readonly failure: FailedLookup };

const triesPerServer = 2;
const tlsIdleMs = 10_000;
/** Exchanges at one time; each is a socket. More would run into the limit of open files. */
const maxExchanges = 256;

export class Upstream {
  readonly traffic: Traffic = { udp: 0, tcp: 0, tls: 0, foreign: 0 };
  readonly #options: UpstreamOptions;
  /** Those over whose path an AD bit can be believed. Every message asks. */
  readonly #trusted: ReadonlySet<ResolverServer>;
  readonly #health: Health<ResolverServer>;
  readonly #tlsConnections = new Map<ResolverServer, StreamConnection>();
  readonly #tcpConnections = new Set<StreamConnection>();
  readonly #exchanges = new FairSemaphore(maxExchanges);
  readonly #seenToValidate = new Set<ResolverServer>();
  readonly #stopListening: () => void;
  #ableToTell: ReadonlySet<ResolverServer>;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#trusted = new Set(options.servers.filter((server) => isTrustedPath(server, options.vouched)));
    this.#ableToTell = this.#findAbleToTell();
    this.#stopListening = options.edns.onChange(() => (this.#ableToTell = this.#findAbleToTell()));
    this.#health = new Health(options.servers, () => performance.now(), options.onHealth);
  }

  isTrusted(server: ResolverServer): boolean {
    return this.#trusted.has(server);
  }

  isUnhealthy(server: ResolverServer): boolean {
    return this.#health.isUnhealthy(server);
  }

  isGone(server: ResolverServer): boolean {
    return this.#health.isGone(server);
  }

  /** How the resolvers are asked at present, in their order. */
  get modes(): OptMode[] {
    return this.#options.servers.map((server) => this.#options.edns.modeOf(server));
  }

  /** Whether some of the resolvers cannot tell what DNSSEC vouches for, and others can. */
  get isMixed(): boolean {
    return this.#ableToTell.size < this.#options.servers.length;
  }

  /**
   * Asks until an answer is found, the tries are used up or `signal` ends it, and follows aliases that a resolver left
   * unfollowed. Never rejects.
   */
  async ask(question: Question, signal: AbortSignal): Promise<UpstreamAnswer> {
    let { name } = question;
    let secure = true;
    let ttl = Infinity;
    for (let hops = 0; hops <= maxAliases;) {
      const attempt = await this.#askServers({ ...question, name }, signal);
      if (attempt.kind === 'failed') return attempt;
      const { reading } = attempt;
      secure &&= attempt.secure;
      if (reading.kind !== 'alias') return { kind: 'answered', reading: withTtlAtMost(reading, ttl), secure };
      hops += reading.hops;
      ttl = Math.min(ttl, reading.ttl);
      name = reading.canonicalName;
    }
    return failure('alias_loop', detailOf(question, 'the resolvers', 'too many aliases'));
  }

  /** Asks one resolver, once, for no longer than a try may take. Never rejects. */
  async askOne(server: ResolverServer, question: Question, signal: AbortSignal): Promise<Attempt> {
    // Not before a place is free: meanwhile it may have been heard to speak EDNS.
    const asKnown = () => this.#options.edns.modeOf(server);
    return (await this.#tryOnce(server, question, asKnown, signal)).attempt;
  }

  /** Finds out how one resolver must be asked, by a question that it should be able to answer. Never rejects. */
  async probeOne(server: ResolverServer, question: Question, signal: AbortSignal): Promise<Probed> {
    const { edns } = this.#options;
    const { conclusion, exchange, mode, withOpt } = await probeEdns({
      transport: server.transport,
      support: () => edns.supportOf(server),
      ask: async (mode) => (await this.#tryOnce(server, question, () => mode, signal)).exchange,
    });
    edns.concluded(server, conclusion);
    // What it cannot answer while OPT is tried says nothing of its health.
    if (conclusion !== 'none' && conclusion !== 'no_longer') this.#health.answered(server);
    const first = this.#judge(server, question, 'with_opt', withOpt);
    return {
      attempt: this.#judge(server, question, mode, exchange),
      withOpt: first.kind === 'failed' ? first.failure.detail : '',
      conclusion,
      support: edns.supportOf(server),
    };
  }

  close(): void {
    this.#stopListening();
    for (const connection of [...this.#tlsConnections.values(), ...this.#tcpConnections]) connection.close();
    this.#tlsConnections.clear();
    this.#tcpConnections.clear();
  }

  async #askServers(question: Question, signal: AbortSignal): Promise<Attempt> {
    let last = failure('no_resolver', detailOf(question, 'nobody', 'no resolver is configured'));
    let verdict: Attempt | undefined;
    for (let round = 0; round < triesPerServer; round++) {
      for (const server of this.#candidates(question)) {
        const attempt = await this.askOne(server, question, signal);
        if (attempt.kind === 'answered') return verdict !== undefined && !attempt.secure ? verdict : attempt;
        last = attempt;
        const { cause } = attempt.failure;
        // An alias loop is in the data, and a bogus answer stays bogus at every resolver.
        if (cause === 'bogus' || cause === 'alias_loop' || signal.aborted) return attempt;
        // A validating resolver may mean "bogus" by this, and one that does not validate would hand on just the data
        // that validation rejects: from now on only a secure answer will do.
        if (cause === 'servfail' && this.#isBelieved(server)) verdict = attempt;
      }
      // A second round is for packets that were lost; a resolver that could not resolve said so already.
      if (last.failure.cause === 'servfail') break;
    }
    return verdict ?? last;
  }

  #candidates({ resolvers }: Question): ResolverServer[] {
    const order = this.#health.order();
    return resolvers === undefined ? order : order.filter((server) => this.#ableToTell.has(server));
  }

  #noteValidation(server: ResolverServer): void {
    if (this.#seenToValidate.has(server)) return;
    this.#seenToValidate.add(server);
    this.#ableToTell = this.#findAbleToTell();
  }

  /**
   * Where one resolver validates and another does not, the other's "insecure" is ignorance, and an attacker that keeps the
   * first from answering could strip DANE by it. So those count that were seen to validate. Until one was, those count whose AD
   * would be believed, and that can be asked for it. Where there are none of these either, nothing is secure, and all count.
   */
  #findAbleToTell(): ReadonlySet<ResolverServer> {
    if (this.#seenToValidate.size > 0) return new Set(this.#seenToValidate);
    const { servers } = this.#options;
    const believed = servers.filter((server) => this.#isBelieved(server));
    return new Set(believed.length > 0 ? believed : servers);
  }

  #isBelieved(server: ResolverServer): boolean {
    return this.isTrusted(server) && this.#options.edns.modeOf(server) !== 'without_opt';
  }

  /** One question to one resolver in one mode, and what is learnt from it. */
  async #tryOnce(
    server: ResolverServer,
    question: Question,
    modeNow: () => OptMode,
    signal: AbortSignal,
  ): Promise<{ readonly attempt: Attempt; readonly exchange: Exchange }> {
    if ((await this.#exchanges.acquire(ownerOf(question), signal)) === 'aborted') {
      const exchange = abortOutcome(signal);
      return { attempt: this.#judge(server, question, modeNow(), exchange), exchange };
    }
    try {
      const mode = modeNow();
      const exchange = await withDeadline(this.#options.timeoutMs, signal, (limit) =>
        this.#exchange(server, question, mode, limit),
      );
      this.#noteHealth(server, exchange, signal);
      this.#noteEdns(server, exchange);
      const attempt = this.#judge(server, question, mode, exchange);
      if (attempt.kind === 'answered' && attempt.secure) {
        this.#noteValidation(server);
        // Whether or not it put an OPT record into the answer: the question had one.
        this.#options.edns.heard(server);
      }
      return { attempt, exchange };
    } finally {
      this.#exchanges.release();
    }
  }

  async #exchange(
    server: ResolverServer,
    question: Question,
    mode: OptMode,
    signal: AbortSignal,
  ): Promise<Exchange> {
    const opt = this.#optOf(server, mode);
    if (server.transport === 'tls') return this.#askTls(server, question, opt, signal);
    if (mode === 'with_opt_over_tcp') return this.#askTcp(server, question, opt, signal);
    this.traffic.udp++;
    const onForeign = () => this.traffic.foreign++;
    const overUdp = await askUdp(server, question, { opt, signal, onForeign });
    if (overUdp.kind !== 'truncated') return overUdp;
    this.#noteEdns(server, overUdp);
    return this.#askTcp(server, question, this.#optOf(server, mode), signal);
  }

  /** A resolver that was ever heard to speak EDNS is not asked without OPT, in no mode. */
  #optOf(server: ResolverServer, mode: OptMode): Opt {
    return mode === 'without_opt' && !this.#options.edns.everHeard(server) ? 'without_opt' : 'with_opt';
  }

  async #askTcp(
    server: ResolverServer,
    question: Question,
    opt: Opt,
    signal: AbortSignal,
  ): Promise<Exchange> {
    if (signal.aborted) return abortOutcome(signal);
    this.traffic.tcp++;
    const connection = this.#connect(server, 0);
    this.#tcpConnections.add(connection);
    try {
      return await connection.ask(question, opt, signal);
    } finally {
      connection.close();
      this.#tcpConnections.delete(connection);
    }
  }

  async #askTls(
    server: ResolverServer,
    question: Question,
    opt: Opt,
    signal: AbortSignal,
  ): Promise<Exchange> {
    this.traffic.tls++;
    const kept = this.#tlsConnections.get(server);
    if (kept?.isOpen === true) {
      const outcome = await kept.ask(question, opt, signal);
      // A connection that was kept may have been closed at the other end meanwhile: that says nothing (RFC 7766 section 6.2.4).
      if (outcome.kind !== 'failed' || outcome.cause !== 'network' || signal.aborted) return outcome;
    }
    return this.#tlsConnection(server).ask(question, opt, signal);
  }

  #tlsConnection(server: ResolverServer): StreamConnection {
    const kept = this.#tlsConnections.get(server);
    if (kept?.isOpen === true) return kept;
    const connection = this.#connect(server, tlsIdleMs);
    this.#tlsConnections.set(server, connection);
    return connection;
  }

  #connect(server: ResolverServer, idleMs: number): StreamConnection {
    const { connectTls } = this.#options;
    return new StreamConnection(server, { idleMs, connectTls, onForeign: () => this.traffic.foreign++ });
  }

  #judge(server: ResolverServer, question: Question, mode: OptMode, exchange: Exchange): Attempt {
    const at = serverText(server);
    switch (exchange.kind) {
      case 'truncated':
        return failure('malformed', detailOf(question, at, 'truncated'));
      case 'not_understood':
        return failure('refused', detailOf(question, at, rcodeText(exchange.rcode)));
      case 'failed':
        return failure(exchange.cause, detailOf(question, at, exchange.why));
      case 'answer':
    }
    const reading = readAnswer(exchange.message, question);
    if (reading.kind === 'failed') return failure(reading.cause, detailOf(question, at, reading.why));
    const { authenticData } = exchange.message.header;
    const secure = authenticData && mode !== 'without_opt' && this.isTrusted(server);
    return { kind: 'answered', reading, authenticData, secure };
  }

  #noteEdns(server: ResolverServer, exchange: Exchange): void {
    const hasOpt =
      exchange.kind === 'answer' ? exchange.message.hasOpt : 'hasOpt' in exchange && exchange.hasOpt;
    if (hasOpt) this.#options.edns.heard(server);
  }

  #noteHealth(server: ResolverServer, exchange: Exchange, caller: AbortSignal): void {
    if (exchange.kind === 'not_understood') this.#health.failed(server, 'broken');
    else if (exchange.kind !== 'failed') {
      const refused = exchange.kind === 'answer' && exchange.message.rcode === 5;
      if (refused) this.#health.failed(server, 'broken');
      else this.#health.answered(server);
    } else if (exchange.cause === 'timeout') this.#health.failed(server, 'timeout');
    else if (!caller.aborted) this.#health.failed(server, 'broken');
  }
}

/** The last two labels of its name, which is about as much as one owner has: names below them cost nothing. */
function ownerOf({ name }: Question): string {
  return name.split('.').slice(-2).join('.');
}

function withTtlAtMost<R extends Exclude<Reading, { kind: 'failed' | 'alias' }>>(reading: R, ttl: number): R {
  return reading.ttl === undefined ? reading : { ...reading, ttl: Math.min(ttl, reading.ttl) };
}

function failure(cause: FailedLookup['cause'], detail: string): Extract<Attempt, { kind: 'failed' }> {
  return { kind: 'failed', failure: { kind: 'failed', cause, detail } };
}
