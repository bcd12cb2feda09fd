/** Puts one question to the configured resolvers: transports, tries, deadlines, failover. */
import { withDeadline } from '../deadline';
import type { EdnsConclusion, EdnsMemory, EdnsStanding, Manner } from './edns';
import { probeEdns } from './edns_probe';
import { abortOutcome, type Exchanged } from './exchange';
import { Gate } from './gate';
import { Health } from './health';
import type { Opt } from './query';
import type { Question } from './question';
import { detailOf, maxAliases, rcodeText, readAnswer, type Reading } from './reading';
import { isTrustedPath, serverText, type ResolverServer, type Vouched } from './server';
import { StreamConnection } from './stream';
import type { FailedLookup } from './types';
import { askUdp } from './udp';

export interface UpstreamOptions {
  readonly servers: readonly ResolverServer[];
  /** Whether and by whom the path to all of them is vouched for. */
  readonly vouched: Vouched;
  /** ms for one try at one resolver. */
  readonly timeoutMs: number;
  /** PEM of roots trusted beside the default ones for DNS over TLS, empty for none. */
  readonly tlsRoots: string;
  /** What this process knows of their EDNS. */
  readonly edns: EdnsMemory;
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
export type Tried =
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
  /** The answer in the manner in which the resolver is asked from now on. */
  readonly tried: Tried;
  /** What a question with OPT came to at first, such as `. NS at 127.0.0.1:53: FORMERR`; empty where it was answered. */
  readonly withOpt: string;
  readonly conclusion: EdnsConclusion;
  readonly standing: EdnsStanding;
}

/** As `Tried`, with all aliases followed. */
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
  readonly #gate = new Gate(maxExchanges);
  readonly #seenToValidate = new Set<ResolverServer>();
  readonly #stopListening: () => void;
  #ableToTell: ReadonlySet<ResolverServer>;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#trusted = new Set(options.servers.filter((server) => isTrustedPath(server, options.vouched)));
    this.#ableToTell = this.#findAbleToTell();
    this.#stopListening = options.edns.onChange(() => (this.#ableToTell = this.#findAbleToTell()));
    this.#health = new Health(options.servers, () => performance.now());
  }

  isTrusted(server: ResolverServer): boolean {
    return this.#trusted.has(server);
  }

  isIll(server: ResolverServer): boolean {
    return this.#health.isIll(server);
  }

  /** How the resolvers are asked at present, in their order. */
  get manners(): Manner[] {
    return this.#options.servers.map((server) => this.#options.edns.mannerOf(server));
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
      const tried = await this.#askServers({ ...question, name }, signal);
      if (tried.kind === 'failed') return tried;
      const { reading } = tried;
      secure &&= tried.secure;
      if (reading.kind !== 'alias') return { kind: 'answered', reading: withTtlAtMost(reading, ttl), secure };
      hops += reading.hops;
      ttl = Math.min(ttl, reading.ttl);
      name = reading.canonicalName;
    }
    return failure('alias_loop', detailOf(question, 'the resolvers', 'too many aliases'));
  }

  /** Asks one resolver, once, for no longer than a try may take. Never rejects. */
  async askOne(server: ResolverServer, question: Question, signal: AbortSignal): Promise<Tried> {
    // Not before a place is free: meanwhile it may have been heard to speak EDNS.
    const asKnown = () => this.#options.edns.mannerOf(server);
    return (await this.#tryOnce(server, question, asKnown, signal)).tried;
  }

  /** Finds out how one resolver must be asked, by a question that it should be able to answer. Never rejects. */
  async probeOne(server: ResolverServer, question: Question, signal: AbortSignal): Promise<Probed> {
    const { edns } = this.#options;
    const { conclusion, exchanged, manner, withOpt } = await probeEdns({
      transport: server.transport,
      standing: () => edns.standingOf(server),
      ask: async (manner) => (await this.#tryOnce(server, question, () => manner, signal)).exchanged,
    });
    edns.concluded(server, conclusion);
    // What it cannot answer while OPT is tried is no illness.
    if (conclusion !== 'none' && conclusion !== 'no_longer') this.#health.well(server);
    const first = this.#judge(server, question, 'with_opt', withOpt);
    return {
      tried: this.#judge(server, question, manner, exchanged),
      withOpt: first.kind === 'failed' ? first.failure.detail : '',
      conclusion,
      standing: edns.standingOf(server),
    };
  }

  close(): void {
    this.#stopListening();
    for (const connection of [...this.#tlsConnections.values(), ...this.#tcpConnections]) connection.close();
    this.#tlsConnections.clear();
    this.#tcpConnections.clear();
  }

  async #askServers(question: Question, signal: AbortSignal): Promise<Tried> {
    let last = failure('no_resolver', detailOf(question, 'nobody', 'no resolver is configured'));
    let verdict: Tried | undefined;
    for (let round = 0; round < triesPerServer; round++) {
      for (const server of this.#candidates(question)) {
        const tried = await this.askOne(server, question, signal);
        if (tried.kind === 'answered') return verdict !== undefined && !tried.secure ? verdict : tried;
        last = tried;
        const { cause } = tried.failure;
        // An alias loop is in the data, and a bogus answer stays bogus whoever is asked.
        if (cause === 'bogus' || cause === 'alias_loop' || signal.aborted) return tried;
        // A validating resolver may mean "bogus" by this, and one that does not validate would hand on just the data
        // that validation rejects: from now on only a secure answer will do.
        if (cause === 'servfail' && this.#isBelieved(server)) verdict = tried;
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
   * Where one resolver validates and another does not, the other's "insecure" is ignorance, and whoever can keep the first
   * from answering could strip DANE by it. So those count that were seen to validate; until one was, those whose AD would be
   * believed, and that can be asked for it; and where there are none of these either, nothing is secure whoever is asked.
   */
  #findAbleToTell(): ReadonlySet<ResolverServer> {
    if (this.#seenToValidate.size > 0) return new Set(this.#seenToValidate);
    const { servers } = this.#options;
    const believed = servers.filter((server) => this.#isBelieved(server));
    return new Set(believed.length > 0 ? believed : servers);
  }

  #isBelieved(server: ResolverServer): boolean {
    return this.isTrusted(server) && this.#options.edns.mannerOf(server) !== 'without_opt';
  }

  /** One question to one resolver in one manner, and what is learnt from it. */
  async #tryOnce(
    server: ResolverServer,
    question: Question,
    mannerNow: () => Manner,
    signal: AbortSignal,
  ): Promise<{ readonly tried: Tried; readonly exchanged: Exchanged }> {
    if ((await this.#gate.enter(ownerOf(question), signal)) === 'aborted') {
      const exchanged = abortOutcome(signal);
      return { tried: this.#judge(server, question, mannerNow(), exchanged), exchanged };
    }
    try {
      const manner = mannerNow();
      const exchanged = await withDeadline(this.#options.timeoutMs, signal, (limit) =>
        this.#exchange(server, question, manner, limit),
      );
      this.#noteHealth(server, exchanged, signal);
      this.#noteEdns(server, exchanged);
      const tried = this.#judge(server, question, manner, exchanged);
      if (tried.kind === 'answered' && tried.secure) {
        this.#noteValidation(server);
        // Whether or not it put an OPT record into the answer: the question had one.
        this.#options.edns.heard(server);
      }
      return { tried, exchanged };
    } finally {
      this.#gate.leave();
    }
  }

  async #exchange(
    server: ResolverServer,
    question: Question,
    manner: Manner,
    signal: AbortSignal,
  ): Promise<Exchanged> {
    const opt = this.#optOf(server, manner);
    if (server.transport === 'tls') return this.#askTls(server, question, opt, signal);
    if (manner === 'with_opt_over_tcp') return this.#askTcp(server, question, opt, signal);
    this.traffic.udp++;
    const onForeign = () => this.traffic.foreign++;
    const overUdp = await askUdp(server, question, { opt, signal, onForeign });
    if (overUdp.kind !== 'truncated') return overUdp;
    this.#noteEdns(server, overUdp);
    return this.#askTcp(server, question, this.#optOf(server, manner), signal);
  }

  /** Whatever the manner, nobody who was ever heard to speak EDNS is asked without OPT. */
  #optOf(server: ResolverServer, manner: Manner): Opt {
    return manner === 'without_opt' && !this.#options.edns.everHeard(server) ? 'without_opt' : 'with_opt';
  }

  async #askTcp(
    server: ResolverServer,
    question: Question,
    opt: Opt,
    signal: AbortSignal,
  ): Promise<Exchanged> {
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
  ): Promise<Exchanged> {
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
    const { tlsRoots: extraRoots } = this.#options;
    return new StreamConnection(server, { idleMs, extraRoots, onForeign: () => this.traffic.foreign++ });
  }

  #judge(server: ResolverServer, question: Question, manner: Manner, exchanged: Exchanged): Tried {
    const at = serverText(server);
    switch (exchanged.kind) {
      case 'truncated':
        return failure('malformed', detailOf(question, at, 'truncated'));
      case 'not_understood':
        return failure('refused', detailOf(question, at, rcodeText(exchanged.rcode)));
      case 'failed':
        return failure(exchanged.cause, detailOf(question, at, exchanged.why));
      case 'answer':
    }
    const reading = readAnswer(exchanged.message, question);
    if (reading.kind === 'failed') return failure(reading.cause, detailOf(question, at, reading.why));
    const { authenticData } = exchanged.message.header;
    const secure = authenticData && manner !== 'without_opt' && this.isTrusted(server);
    return { kind: 'answered', reading, authenticData, secure };
  }

  #noteEdns(server: ResolverServer, exchanged: Exchanged): void {
    const hasOpt =
      exchanged.kind === 'answer' ? exchanged.message.hasOpt : 'hasOpt' in exchanged && exchanged.hasOpt;
    if (hasOpt) this.#options.edns.heard(server);
  }

  #noteHealth(server: ResolverServer, exchanged: Exchanged, caller: AbortSignal): void {
    if (exchanged.kind === 'not_understood') this.#health.failed(server, 'broken');
    else if (exchanged.kind !== 'failed') {
      const refused = exchanged.kind === 'answer' && exchanged.message.rcode === 5;
      if (refused) this.#health.failed(server, 'broken');
      else this.#health.well(server);
    } else if (exchanged.cause === 'timeout') this.#health.failed(server, 'timeout');
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

function failure(cause: FailedLookup['cause'], detail: string): Extract<Tried, { kind: 'failed' }> {
  return { kind: 'failed', failure: { kind: 'failed', cause, detail } };
}
