/**
 * Guards the delivery of one message: every host that Haraka tries is held to the requirement that was decided for it,
 * and a delivery without a decision sends nothing.
 *
 * The guard overrides a handful of methods on the one HMailItem; no state of Haraka's is shared or changed. One guard
 * lives as long as its HMailItem, over all retries; each attempt decides anew.
 */
import { discover, type Sources } from '../discovery/discover';
import { discoverAnswer } from '../discovery/discover_answer';
import { within, type Limit } from '../deadline';
import { smtpPort } from '../dns/types';
import type { Failure } from '../failure';
import type { Found } from '../peers/rules';
import type { OutboundRule } from '../peers/rule';
import type { StsFacts } from '../mta_sts/types';
import { decide } from '../policy/decide';
import { decideAnswer } from '../policy/decide_answer';
import { forced } from '../policy/force_tls';
import { withOwnFault } from '../policy/own_fault';
import type { Because, Decision, HostPlan, Requirement } from '../policy/requirement';
import { messageOf, printable } from '../text';
import { domainOf } from './address';
import { rememberAnswerer } from './answerer';
import { allowsBrokenTls, forbidsCleartext } from './cleartext';
import { Attempt, isFinal, principal, statusOf, type HostFailure, type Source } from './attempt';
import { GuardedConnection, type ConnectionOwner, type Stage } from './connection';
import {
  hookAnswer,
  mutualCertificate,
  type HarakaMx,
  type HMailItem,
  type OutboundConfigModule,
  type OutboundTls,
  type PluggableSocket,
  type TlsSocketModule,
} from './haraka';
import { answerOf, nameOwnHosts, newRoutes, plainEntries, toFollow, unmapAddress } from './mx_answer';
import { entriesOf, hostOf, isSocket, localPlan, portOf } from './mx_entry';
import { newerPolicy } from './newer_policy';
import { ownAddress } from './own_address';
import { forgetAttempts, noteFailure, noteUndeliverable } from './recipients';
import { recallBroken, rememberBroken } from './redis_memory';
import { replyTo, reportOf, summarize, type DeliverySummary } from './summary';
import { upgradeOptions } from './tls_options';

export interface GuardLimits {
  /** For the facts of one decision; below Haraka's plugin timeout. All in milliseconds. */
  readonly decisionMs: number;
  readonly handshakeMs: number;
  readonly dialogueMs: number;
  readonly replyMs: number;
}

export interface GuardOptions {
  /** `sender` is empty for the null sender. */
  findRule(sender: string, recipientDomain: string): Found<OutboundRule>;
  readonly sources: Sources;
  /** Hosts and plugins whose answers to `get_mx` are routes of the operator's. */
  readonly routes: readonly string[];
  readonly limits: GuardLimits;
  /** Whether Haraka's Redis memory of hosts with broken TLS counts, where cleartext is allowed. */
  readonly rememberBrokenTls: boolean;
  now(): Date;
}

export interface GuardEnvironment {
  /** The options in force now; they change when the settings are reloaded. */
  options(): GuardOptions;
  readonly outboundConfig: OutboundConfigModule;
  readonly outboundTls: OutboundTls;
  readonly tlsSocket: TlsSocketModule;
  /** Whether Haraka's `no_tls_hosts` names this host or domain. */
  isExemptFromTls(name: string): boolean;
}

type Originals = Pick<
  HMailItem,
  | 'get_mx_respond'
  | 'found_mx'
  | 'get_force_tls'
  | 'try_deliver'
  | 'try_deliver_host_on_socket'
  | 'temp_fail'
  | 'bounce'
  | 'split_to_new_recipients'
>;

/**
 * Entries of `mxlist` that are to be tried without STARTTLS this time, each with what was wrong with its TLS. One map for
 * all guards: a map of its own outlives its guard until the next full collection.
 */
const withoutTls = new WeakMap<HarakaMx, Failure>();

/** Entries that are to be tried with STARTTLS whatever is remembered of their hosts. */
const notRecalled = new WeakSet<HarakaMx>();

const rememberedBroken: Failure = {
  reason: 'tls-handshake-failed',
  text: 'its TLS was broken when it was last tried (remember_broken_tls)',
};

export class DeliveryGuard {
  private attempt = new Attempt();
  private readonly original: Originals;
  private readonly answerer: () => string;

  constructor(
    private readonly hmail: HMailItem,
    private readonly environment: GuardEnvironment,
    /** Told when Haraka makes recipients that the host refused a message of their own, with what happened so far. */
    private readonly onSplit: (part: HMailItem, summary: DeliverySummary) => void,
  ) {
    forgetAttempts(hmail.todo.rcpt_to);
    this.answerer = rememberAnswerer(hmail);
    this.original = {
      get_mx_respond: hmail.get_mx_respond.bind(hmail),
      found_mx: hmail.found_mx.bind(hmail),
      get_force_tls: hmail.get_force_tls.bind(hmail),
      try_deliver: hmail.try_deliver.bind(hmail),
      try_deliver_host_on_socket: hmail.try_deliver_host_on_socket.bind(hmail),
      temp_fail: hmail.temp_fail.bind(hmail),
      bounce: hmail.bounce.bind(hmail),
      split_to_new_recipients: hmail.split_to_new_recipients.bind(hmail),
    };
    hmail.get_mx_respond = (retval, mx) => this.onMxAnswer(retval, mx);
    hmail.found_mx = (mxs) => this.onHosts(mxs);
    hmail.get_force_tls = (mx) => this.requirementFor(mx)?.kind === 'encrypted';
    hmail.try_deliver = () => this.tryDeliver();
    hmail.try_deliver_host_on_socket = (mx, host, port, socket) => this.onSocket(mx, host, port, socket);
    hmail.split_to_new_recipients = (recipients, response, take) => this.split(recipients, response, take);
  }

  /** Forgets what the last attempt decided. To be called whenever the message passes `send_email`. */
  newAttempt(): void {
    this.attempt = new Attempt();
    this.trying = undefined;
    forgetAttempts(this.hmail.todo.rcpt_to);
  }

  summary(): DeliverySummary {
    return summarize(this.attempt, this.hmail.todo);
  }

  /** The message was delivered, deferred or bounced. */
  close(): void {
    this.attempt.over = true;
  }

  // --- choosing the hosts ----------------------------------------------------------------------------------------

  /** The answer of the `get_mx` hook: the hosts that may be tried, or none. Never rejects. */
  async offer(): Promise<readonly HarakaMx[]> {
    const { attempt } = this;
    attempt.phase = { kind: 'deciding' };
    const decision = await this.decideFor(attempt, async ({ sources }, rule, limit) => {
      const facts = await discover(sources, rule, this.hmail.todo.domain, limit);
      return { decision: decide(rule, facts), sts: facts.sts };
    });
    const list = decision.kind === 'deliver' ? decision.hosts.flatMap(entriesOf) : [];
    // Haraka may have lost patience meanwhile; the attempt is then no longer ours to decide.
    if (!isDeciding(attempt)) return [];
    attempt.phase = { kind: 'decided', decision, source: byMx };
    attempt.offered = list;
    return list;
  }

  /**
   * Takes the answer of the `get_mx` hooks. Our own list is followed; another plugin's hosts are to be decided before any of
   * them is tried. No answer at all must not become Haraka's own look-up, which knows no rule.
   */
  private onMxAnswer(retval: number | undefined, mx: unknown): unknown {
    const { attempt } = this;
    if (retval === hookAnswer.ok) {
      if (mx === attempt.offered) return this.original.get_mx_respond(retval, mx);
      attempt.phase = { kind: 'answered', by: this.answerer() };
      return this.readAnswer(attempt, mx);
    }
    if (attempt.phase.kind === 'deciding') {
      const failure: Failure = {
        reason: 'internal-error',
        text: 'the decision took longer than the plugin timeout',
      };
      attempt.phase = { kind: 'decided', decision: { kind: 'defer', failure }, source: byMx };
      return this.original.get_mx_respond(hookAnswer.ok, []);
    }
    if (retval === hookAnswer.deny || retval === hookAnswer.denysoft) {
      return this.original.get_mx_respond(retval, mx);
    }
    return this.offer().then((list) => this.original.get_mx_respond(hookAnswer.ok, list));
  }

  /** What is no answer at all makes Haraka throw, which would end the process. */
  private async readAnswer(attempt: Attempt, mx: unknown): Promise<void> {
    try {
      await this.original.get_mx_respond(hookAnswer.ok, mx);
    } catch (error) {
      const text = `a plugin answered get_mx with a route that cannot be read: ${printable(messageOf(error))}`;
      this.hmail.logerror(`tls-peers: ${text}`);
      this.defer(attempt, { reason: 'config-invalid', text });
    }
  }

  /** The hosts of an answer, as Haraka has read them. */
  private onHosts(mxs: HarakaMx[]): unknown {
    const { phase } = this.attempt;
    if (phase.kind !== 'answered') return this.original.found_mx(mxs);
    return this.followAnswer(this.attempt, { kind: 'plugin', by: phase.by, entries: plainEntries(mxs) });
  }

  private async followAnswer(attempt: Attempt, source: Extract<Source, { kind: 'plugin' }>): Promise<void> {
    const { domain } = this.hmail.todo;
    const entries = plainEntries(source.entries);
    const answer = answerOf(source.by, domain, entries);
    const decision = await this.decideFor(attempt, async ({ sources, routes }, rule, limit) => {
      const facts = await discoverAnswer(sources, rule, domain, answer, routes, limit);
      nameOwnHosts(facts, answer);
      for (const line of newRoutes(rule, facts)) this.hmail.lognotice(`tls-peers: ${line}`);
      return { decision: decideAnswer(rule, facts), sts: facts.sts };
    });
    attempt.phase = { kind: 'decided', decision, source };
    const kept = toFollow(entries, decision);
    if (kept.length > 0) {
      await this.original.found_mx(kept);
    } else {
      this.hmail.mxlist = [];
      await this.tryDeliver();
    }
  }

  /** Rule, facts, decision. Whatever goes wrong in between keeps the message, with the reason. */
  private async decideFor(
    attempt: Attempt,
    gather: (options: GuardOptions, rule: OutboundRule, limit: Limit) => Promise<Decided>,
  ): Promise<Decision> {
    try {
      const options = this.environment.options();
      const { mail_from, domain } = this.hmail.todo;
      const found = options.findRule(domainOf(mail_from), domain);
      if (found.kind === 'invalid') return { kind: 'defer', failure: found.failure };
      const { rule } = found;
      attempt.rule = rule;
      const { decision, sts } = await within(
        options.limits.decisionMs,
        `the decision for ${printable(domain)}`,
        (limit) => gather(options, rule, limit),
      );
      attempt.policy = sts;
      const { probe } = options.sources.resolver.status();
      return this.record(attempt, withOwnFault(decision, probe));
    } catch (error) {
      const text = `the decision for this message broke: ${printable(messageOf(error))}`;
      this.hmail.logerror(`tls-peers: ${text}`);
      return { kind: 'defer', failure: { reason: 'internal-error', text } };
    }
  }

  private record(attempt: Attempt, decision: Decision): Decision {
    if (decision.kind !== 'deliver') return decision;
    for (const refused of decision.refused) this.refuse(attempt, refused.host, refused.failure, 'nothing');
    for (const plan of decision.hosts)
      for (const failure of plan.recorded) attempt.record(plan.host, failure);
    return decision;
  }

  private refuse(attempt: Attempt, host: string, failure: Failure, because: Because | 'nothing'): void {
    attempt.refuse(host, failure, because);
    this.hmail.loginfo(
      `tls-peers: host ${host} refused: ${failure.reason}: ${failure.text} (rule ${ruleName(attempt)})`,
    );
  }

  // --- trying them -----------------------------------------------------------------------------------------------

  /** Haraka calls this for the first host and after each host that failed. Never rejects. */
  private async tryDeliver(): Promise<void> {
    const { attempt } = this;
    try {
      this.noteUnreached(attempt);
      const failure = await this.nextStep(attempt);
      if (failure !== undefined) this.defer(attempt, failure);
    } catch (error) {
      const text = `the delivery broke: ${printable(messageOf(error))}`;
      this.hmail.logerror(`tls-peers: ${text}`);
      this.defer(attempt, { reason: 'internal-error', text });
    }
  }

  /** @returns the failure for which the whole message waits, `undefined` where the delivery goes on by itself */
  private async nextStep(attempt: Attempt): Promise<Failure | undefined> {
    if (attempt.phase.kind !== 'decided') {
      return { reason: 'internal-error', text: 'nothing was decided for this message' };
    }
    const { decision } = attempt.phase;
    switch (decision.kind) {
      case 'defer':
        return decision.failure;
      case 'undeliverable':
        this.original.bounce(noteUndeliverable(this.hmail, decision));
        return undefined;
      case 'deliver':
        this.dropUnplanned(attempt);
        if (this.hmail.mxlist.length === 0) return this.giveUp(attempt);
        await this.recallBrokenTls(this.hmail.mxlist[0]);
        this.trying = this.hmail.mxlist[0];
        await this.original.try_deliver();
        return undefined;
    }
  }

  private async recallBrokenTls(mx: HarakaMx | undefined): Promise<void> {
    const requirement = mx === undefined ? undefined : this.requirementFor(mx);
    if (mx?.exchange === undefined || requirement === undefined || !allowsBrokenTls(requirement)) return;
    if (!this.environment.options().rememberBrokenTls) return;
    // What was just seen of the host counts, not what is remembered.
    if (notRecalled.has(mx) || withoutTls.has(mx)) return;
    if ((await recallBroken(this.environment.outboundTls, mx.exchange)) === 'broken') {
      withoutTls.set(mx, rememberedBroken);
      this.hmail.loginfo(`tls-peers: host ${hostOf(mx)} is remembered for broken TLS; trying without`);
    }
  }

  /** The entry that Haraka is connecting to; cleared when the connection stands. */
  private trying: HarakaMx | undefined;

  private noteUnreached(attempt: Attempt): void {
    const { trying } = this;
    if (trying === undefined) return;
    this.trying = undefined;
    const own = this.passedOverAs(trying);
    const text =
      own === undefined
        ? `no connection to ${trying.exchange ?? trying.path ?? 'the host'}`
        : `${trying.exchange} is ${own}; Haraka passes it over (local_mx_ok in outbound.ini)`;
    attempt.failures.push({ kind: 'network', host: hostOf(trying), text });
  }

  /** Haraka does not say so: it goes on to the next host as if this one had failed. */
  private passedOverAs({ exchange, from_dns }: HarakaMx): string | undefined {
    if (this.environment.outboundConfig.cfg.local_mx_ok === true) return undefined;
    return exchange === undefined || from_dns === undefined ? undefined : ownAddress(exchange);
  }

  /** Takes out of Haraka's list what was not decided, and what Haraka's own settings rule out. */
  private dropUnplanned(attempt: Attempt): void {
    const { hmail } = this;
    for (const mx of hmail.mxlist) unmapAddress(mx);
    hmail.mxlist = hmail.mxlist.filter((mx) => {
      if (isSocket(mx)) return true;
      const requirement = this.requirementFor(mx);
      if (requirement === undefined) {
        // Refused hosts of a route are recorded already.
        if (!attempt.failures.some((failure) => failure.host === hostOf(mx))) {
          this.refuse(
            attempt,
            hostOf(mx),
            { reason: 'internal-error', text: 'nothing was decided for it' },
            'nothing',
          );
        }
        return false;
      }
      if (forbidsCleartext(requirement) && this.environment.outboundConfig.cfg.enable_tls === false) {
        const text = 'outbound.ini says enable_tls = false, the rule requires TLS';
        this.refuse(attempt, hostOf(mx), { reason: 'config-invalid', text }, 'nothing');
        return false;
      }
      return true;
    });
  }

  private planFor(mx: HarakaMx): HostPlan | undefined {
    const { phase } = this.attempt;
    if (phase.kind !== 'decided' || phase.decision.kind !== 'deliver') return undefined;
    const host = hostOf(mx);
    const port = portOf(mx);
    return phase.decision.hosts.find((plan) => plan.host === host && plan.port === port);
  }

  /** What was decided for this host, or Haraka's `force_tls_hosts` where that is stricter. */
  private requirementFor(mx: HarakaMx): Requirement | undefined {
    const plan = this.planFor(mx);
    if (plan === undefined) return undefined;
    return this.original.get_force_tls(mx) ? forced(plan.requirement, plan.host) : plan.requirement;
  }

  private onSocket(mx: HarakaMx, host: string, port: number, socket: PluggableSocket): void {
    this.trying = undefined;
    // What a host said of recipients before its connection broke is not what became of them.
    forgetAttempts(this.hmail.todo.rcpt_to);
    let connection: GuardedConnection;
    try {
      connection = this.guardConnection(mx, this.planToHold(mx), socket);
    } catch (error) {
      this.abandon(mx, socket, error);
      return;
    }
    this.original.try_deliver_host_on_socket(mx, host, port, socket);
    connection.attach();
  }

  /** @throws where nothing was decided for this host */
  private planToHold(mx: HarakaMx): HostPlan {
    if (isSocket(mx)) return localPlan(mx.path);
    const plan = this.planFor(mx);
    const requirement = this.requirementFor(mx);
    if (plan === undefined || requirement === undefined) throw new Error('nothing was decided for it');
    return { ...plan, requirement };
  }

  /** Before anything was said on a connection that cannot be guarded. */
  private abandon(mx: HarakaMx, socket: PluggableSocket, error: unknown): void {
    socket.removeAllListeners();
    socket.on('error', () => undefined);
    socket.destroy();
    const text = printable(messageOf(error));
    this.refuse(this.attempt, hostOf(mx), { reason: 'internal-error', text }, 'nothing');
    void this.tryDeliver();
  }

  private guardConnection(mx: HarakaMx, plan: HostPlan, socket: PluggableSocket): GuardedConnection {
    const { attempt, environment } = this;
    const options = environment.options();
    const { requirement } = plan;
    const address = mx.exchange ?? '';
    const hidden = this.isExemptFromTls(requirement, address, plan.host);
    return new GuardedConnection(
      this.hmail,
      socket,
      {
        requirement,
        startTls: withoutTls.get(mx) ?? (hidden ? 'hidden' : 'as_required'),
        dialogueMs: options.limits.dialogueMs,
        handshakeMs: options.limits.handshakeMs,
        replyMs: options.limits.replyMs,
        tlsOptions: (haraka) => {
          if (requirement.kind === 'cleartext') throw new Error('the rule says cleartext');
          return upgradeOptions(requirement, haraka, mutualCertificate(environment.tlsSocket, address));
        },
        now: () => options.now(),
      },
      this.ownerOf(attempt, mx, plan, address),
    );
  }

  /** `no_tls_hosts` and `enable_tls = false` count only where cleartext is allowed. */
  private isExemptFromTls(requirement: Requirement, address: string, host: string): boolean {
    if (forbidsCleartext(requirement)) return false;
    if (this.environment.outboundConfig.cfg.enable_tls === false) return true;
    return [address, host, this.hmail.todo.domain].some((name) => this.environment.isExemptFromTls(name));
  }

  private ownerOf(attempt: Attempt, mx: HarakaMx, plan: HostPlan, address: string): ConnectionOwner {
    const where = isSocket(mx)
      ? mx.path
      : `${plan.host} [${address}]${plan.port === smtpPort ? '' : `:${plan.port}`}`;
    return {
      established: (session) => {
        attempt.connected = { ...session, plan, address };
      },
      failed: (failure, stage) => {
        if (attempt.over) return;
        attempt.connected = 'not_yet';
        if (stage === 'starttls' && this.retryInCleartext(mx, plan, failure)) {
          attempt.record(plan.host, failure);
          return;
        }
        if (stage === 'session' && this.retryWithTls(mx)) return;
        this.refuse(
          attempt,
          where,
          failure,
          plan.requirement.kind === 'cleartext' ? 'nothing' : plan.requirement.because,
        );
      },
      lost: (text, stage) => this.onLost(attempt, where, text, stage),
      recorded: (failure) => {
        attempt.record(plan.host, failure);
        this.hmail.loginfo(
          `tls-peers: host ${where} would be refused: ${failure.reason}: ${failure.text} (rule ${ruleName(attempt)})`,
        );
      },
    };
  }

  private onLost(attempt: Attempt, host: string, text: string, stage: Stage): void {
    if (attempt.over) return;
    attempt.connected = 'not_yet';
    attempt.failures.push({
      kind: 'network',
      host,
      text: stage === 'session' ? `${text} (while delivering)` : text,
    });
  }

  /** Where cleartext is allowed, a peer with broken TLS is tried again at once, on a new connection, without it. */
  private retryInCleartext(mx: HarakaMx, plan: HostPlan, failure: Failure): boolean {
    // Once: whatever brings a connection to STARTTLS that was to do without would bring the next one to it as well.
    if (!allowsBrokenTls(plan.requirement) || withoutTls.has(mx)) return false;
    const again = { ...mx };
    withoutTls.set(again, failure);
    this.hmail.mxlist.unshift(again);
    const text = `tls-peers: host ${plan.host}: ${failure.reason}: ${failure.text}; trying again without TLS`;
    if (failure.reason === 'config-invalid' || failure.reason === 'internal-error') {
      // Our own fault, which says nothing about the host.
      this.hmail.logerror(text);
      return true;
    }
    this.hmail.loginfo(text);
    this.rememberBrokenTls(mx.exchange ?? plan.host);
    return true;
  }

  /** A host that takes no mail without TLS may be remembered for a failure that is long past. */
  private retryWithTls(mx: HarakaMx): boolean {
    if (withoutTls.get(mx) !== rememberedBroken) return false;
    const again = { ...mx };
    notRecalled.add(again);
    this.hmail.mxlist.unshift(again);
    this.hmail.loginfo(`tls-peers: host ${hostOf(mx)} takes no mail without TLS; trying again with it`);
    return true;
  }

  /** Nothing of the delivery waits for the answer. */
  private rememberBrokenTls(host: string): void {
    if (this.environment.options().rememberBrokenTls) rememberBroken(this.environment.outboundTls, host);
  }

  // --- when no host is left --------------------------------------------------------------------------------------

  private async giveUp(attempt: Attempt): Promise<Failure | undefined> {
    const permanent =
      attempt.rule !== 'unknown' && attempt.rule.actionOnFailure === 'bounce' && isFinal(attempt.failures);
    if ((permanent || this.isLastTry()) && (await this.hasNewerPolicy(attempt))) {
      await this.offerAnew(attempt);
      return undefined;
    }
    if (attempt.failures.length === 0) {
      const text = 'none of its hosts has an address';
      attempt.failures.push({ kind: 'network', host: this.hmail.todo.domain, text });
    }
    const text = reportOf(ruleName(attempt), attempt.failures);
    this.annotate(attempt, principal(attempt.failures), permanent, text);
    if (permanent) this.original.bounce(text);
    else this.original.temp_fail(text);
    return undefined;
  }

  /** What is split off has no guard until its first retry; it fails for what the host said on this connection. */
  private split(...[recipients, response, take]: Parameters<HMailItem['split_to_new_recipients']>): void {
    // What other hosts did is told of the message that it was split from.
    const summary = { ...this.summary(), reply: replyTo(recipients), reasons: [], recorded: [] };
    this.original.split_to_new_recipients(recipients, response, (part) => {
      if (part !== this.hmail) this.onSplit(part, summary);
      take(part);
    });
  }

  private defer(attempt: Attempt, failure: Failure): void {
    // Where no rule was found, the fault is in our own files, and no peer has a part in it.
    const host = attempt.rule === 'unknown' ? '' : this.hmail.todo.domain;
    const cause: HostFailure = { kind: 'policy', host, failure, because: 'nothing' };
    attempt.failures.push(cause);
    const text = reportOf(ruleName(attempt), [cause]);
    this.annotate(attempt, cause, false, text);
    this.original.temp_fail(text);
  }

  /** Haraka's next deferral would be its last: it bounces instead. */
  private isLastTry(): boolean {
    return this.hmail.num_failures >= this.environment.outboundConfig.cfg.temp_fail_intervals.length;
  }

  /** @returns whether the domain has a newer policy than the one that stood in the way */
  private async hasNewerPolicy(attempt: Attempt): Promise<boolean> {
    if (attempt.policyRefreshed) return false;
    attempt.policyRefreshed = true;
    const { domain } = this.hmail.todo;
    const newer = await newerPolicy(attempt, domain, this.environment.options(), (text) =>
      this.hmail.logerror(`tls-peers: ${text}`),
    );
    if (newer === 'none') return false;
    this.hmail.loginfo(`tls-peers: ${domain} has a newer MTA-STS policy (${newer.id}); trying again`);
    attempt.failures.length = 0;
    return true;
  }

  /** Through Haraka's own hands, which give each entry what it needs on the wire. */
  private async offerAnew(attempt: Attempt): Promise<void> {
    if (attempt.phase.kind === 'decided' && attempt.phase.source.kind === 'plugin') {
      return this.followAnswer(attempt, attempt.phase.source);
    }
    const list = await this.offer();
    if (this.attempt === attempt) await this.original.get_mx_respond(hookAnswer.ok, list);
  }

  /** What the DSN will say of each recipient. A fault in it must not keep the message from being deferred. */
  private annotate(
    attempt: Attempt,
    failure: HostFailure | undefined,
    permanent: boolean,
    text: string,
  ): void {
    try {
      noteFailure(this.hmail, statusOf(failure, permanent || this.isLastTry()), failure, text);
      this.hmail.notes.tls_peers = summarize(attempt, this.hmail.todo);
    } catch (error) {
      this.hmail.logerror(`tls-peers: the reason could not be noted: ${printable(messageOf(error))}`);
    }
  }
}

const byMx: Source = { kind: 'mx' };

/** A decision, and the policy that it was made from. */
interface Decided {
  readonly decision: Decision;
  readonly sts: StsFacts;
}

function isDeciding(attempt: Attempt): boolean {
  return attempt.phase.kind === 'deciding';
}

/** Its name, empty where no rule was found. */
function ruleName({ rule }: Attempt): string {
  return rule === 'unknown' ? '' : rule.name;
}
