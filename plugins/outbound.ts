/** Outbound: a guard on every delivery, the hosts that may be tried, and what became of each message. */
import { domainOf } from '../src/delivery/address';
import { peerName } from '../src/evidence/peer_name';
import type { SeenOutcome, Sighting } from '../src/evidence/sighting';
import { managedDomain } from '../src/peers/candidates';
import { deliveryCounters, type DeliveryOutcome } from '../src/delivery/counters';
import type { DeliveryEnvironment, DeliveryLimits } from '../src/delivery/delivery';
import { tellFailure } from '../src/delivery/failure_news';
import { DeliveryGuard } from '../src/delivery/guard';
import {
  assertSeam,
  hookAnswer,
  isWritten,
  type HMailItem,
  type LoggerModule,
  type OutboundConfigModule,
  type OutboundTls,
  type OutboundTlsModule,
  type Recipient,
  type TlsSocketModule,
} from '../src/delivery/haraka';
import { PeerHealth } from '../src/delivery/health';
import { isListed } from '../src/delivery/host_list';
import { limitsOf } from '../src/delivery/limits';
import { loadOutboundTls } from '../src/delivery/redis_memory';
import type { About } from '../src/delivery/kept_session';
import { logLine, type DeliverySummary, type ReasonSummary } from '../src/delivery/summary';
import type { Engine } from '../src/engine';
import type { Fleet } from '../src/fleet/fleet';
import { utcDay } from '../src/peers/day';
import { outboundRule } from '../src/peers/rules';
import { Connections } from '../src/session/connections';
import type { Log } from '../src/log';
import { messageOf, printable } from '../src/text';
import type { HarakaPlugin, Next, Piece } from './haraka_plugin';
import { newsLogOf } from './news';
import { moveFirst } from './hook_order';
import { OutcomeNotes, type MessageTaken } from './outcome_notes';
import { holdFromBypass } from './bypassing_plugins';
import { hasItsUser } from './privileges';
import { keepTag } from './require_tls';
import { tagBounce } from './tagged_bounces';
import { atShutdown, engineOf, isFirst, shutdown } from './suite';

/** Seconds after which a message whose guard could not be attached is tried again. */
const attachAgain = 60;

/** Seconds after which a message that came before Haraka had its user is tried again. */
const userAgain = 1;

/** What Haraka takes where outbound.ini says nothing of `concurrency_max`. */
const usualConcurrency = 10_000;

/** Before every other `send_email` plugin: one of those that answers OK would end the chain, and the guard with it. */
const first = -100;

/** After every other `get_mx` plugin: a route that the operator wrote wins over MX, and the guard holds it as well. */
const last = 100;

export const outbound: Piece = { register, shutdown };

function register(this: HarakaPlugin): void {
  if (!isFirst('outbound')) return;
  assertSeam(this.haraka_require('outbound/hmail'));
  const engine = engineOf(this);
  const deliveries = new Deliveries(this, environmentOf(this, engine), engine);
  holdFromBypass(this, engine);

  const hooks: [hook: string, method: Method, priority: number][] = [
    ['send_email', 'attach', first],
    ['get_mx', 'offer', last],
    ['delivered', 'delivered', first],
    ['deferred', 'deferred', first],
    ['bounce', 'bounced', first],
    ['init_master', 'prepare', 0],
    ['init_child', 'prepare', 0],
  ];
  for (const [hook, method, priority] of hooks) {
    const name = `tls_peers_${method}`;
    this[name] = (next: Next, hmail: HMailItem, params?: unknown) => deliveries[method](next, hmail, params);
    this.register_hook(hook, name, priority);
  }
  this['tls_peers_remember'] = (next: Next, { transaction }: { transaction: MessageTaken }) => {
    keepTag(transaction);
    deliveries.notes.remember(next, transaction);
  };
  this.register_hook('pre_send_trans_email', 'tls_peers_remember', last);
  // When every plugin has registered, and before a queue can be loaded: that happens before `init_child` as well.
  process.nextTick(() => deliveries.comeFirst());
}

/** What hooks call. */
type Method = 'attach' | 'offer' | 'delivered' | 'deferred' | 'bounced' | 'prepare';

class Deliveries {
  readonly #guards = new WeakMap<HMailItem, DeliveryGuard>();
  /** What was split off a guarded message; it is guarded itself from its first retry on. */
  readonly #parts = new WeakMap<HMailItem, Part>();
  /** What became of the last attempt. Haraka shares `notes` among all deliveries of one message. */
  readonly #summaries = new WeakMap<HMailItem, DeliverySummary>();
  readonly #health = new PeerHealth();

  readonly #plugin: HarakaPlugin;
  readonly #environment: DeliveryEnvironment;
  readonly #engine: Engine;
  readonly notes: OutcomeNotes;
  readonly #news: Log;

  constructor(plugin: HarakaPlugin, environment: DeliveryEnvironment, engine: Engine) {
    this.#plugin = plugin;
    this.#news = newsLogOf(plugin);
    this.#environment = environment;
    this.#engine = engine;
    this.notes = new OutcomeNotes(plugin, engine);
  }

  /** `send_email`: the same HMailItem comes by again on every retry, and keeps its guard. */
  attach(next: Next, hmail: HMailItem): void {
    // Not counted as a failure: the message just comes by again.
    if (!hasItsUser(this.#plugin)) {
      next(hookAnswer.delay, userAgain);
      return;
    }
    try {
      const known = this.#guards.get(hmail);
      if (known === undefined) this.#guards.set(hmail, this.#guardFor(hmail));
      else known.newAttempt();
      next();
    } catch (error) {
      hmail.logerror(
        `tls-peers: the delivery could not be guarded and waits ${attachAgain} s: ${messageOf(error)}`,
      );
      next(hookAnswer.delay, attachAgain);
    }
  }

  #guardFor(hmail: HMailItem): DeliveryGuard {
    const guard = new DeliveryGuard(hmail, this.#environment, (part, summary) =>
      this.#parts.set(part, { summary, sighting: guard.sighting('deferred') }),
    );
    return guard;
  }

  /** `get_mx`: an empty list defers; it is the one answer that no deny hook can turn into Haraka's own look-up. */
  offer(next: Next, hmail: HMailItem): void {
    const guard = this.#guards.get(hmail);
    if (guard === undefined) {
      hmail.logerror('tls-peers: this delivery has no guard; it is deferred');
      next(hookAnswer.ok, []);
      return;
    }
    guard.offer().then(
      (list) => next(hookAnswer.ok, list),
      // not covered: a second line of defence. The guard's offer catches its own faults, and never rejects.
      (error: unknown) => {
        hmail.logerror(`tls-peers: ${messageOf(error)}`);
        next(hookAnswer.ok, []);
      },
    );
  }

  /** @param params as Haraka calls the hook: host, address, response, delay, port, mode, the recipients who have it */
  delivered(next: Next, hmail: HMailItem, params?: unknown): void {
    const recipients: unknown = Array.isArray(params) ? params[6] : undefined;
    const report = (summary: DeliverySummary): void => {
      deliveryCounters.count('delivered', summary);
      this.#log(hmail, logLine('tls-peers delivered', summary));
      const sender = domainOf(hmail.todo.mail_from);
      if (this.#health.delivered(ourFault(sender)) === 'recovered') {
        this.#news.notice(`mail ${fromDomain(sender)} is delivered again`);
      }
      if (isHeldByRule(summary) && this.#health.delivered(pairOf(summary)) === 'recovered') {
        deliveryCounters.peerChanged('recovering');
        const line = `mail to ${summary.peer} is delivered again (rule ${summary.rule})`;
        this.#sayOnce(line, ({ notices }) => notices.isFirstRecovery(pairOf(summary)));
      }
    };
    const told = Array.isArray(recipients) ? (recipients as readonly Recipient[]) : undefined;
    this.#conclude(next, hmail, 'delivered', report, told);
  }

  deferred(next: Next, hmail: HMailItem): void {
    this.#conclude(next, hmail, 'deferred', (summary) => this.#reportFailure('deferred', hmail, summary));
  }

  bounced(next: Next, hmail: HMailItem): void {
    tagBounce(this.#plugin, hmail);
    this.#conclude(next, hmail, 'bounced', (summary) => this.#reportFailure('bounced', hmail, summary));
  }

  /** In the master of workers as well, which may be root: it must not open the store of policies, and make it root's. */
  prepare(next: Next): void {
    try {
      this.comeFirst();
      this.#offerRecords();
      const module = this.#plugin.haraka_require('outbound/tls') as OutboundTlsModule;
      const { rememberBrokenTls } = this.#engine.settings().global.delivery;
      loadOutboundTls(module, rememberBrokenTls ? 'wanted' : 'unwanted');
    } catch (error) {
      this.#plugin.logerror(`the deliveries could not be prepared: ${messageOf(error)}`);
    }
    next();
  }

  /** For metrics and other plugins, which can read `server.notes`. Each process counts by itself. */
  #offerRecords(): void {
    const { notes } = this.#plugin.haraka_require('server') as { notes: Record<string, unknown> };
    notes.tls_peers = {
      counters: () => deliveryCounters.snapshot(),
      summary: (hmail: HMailItem) => this.#summaries.get(hmail),
    };
  }

  /**
   * Whatever runs before the guard and answers OK ends the chain, and the delivery would go out unguarded. Nothing may
   * come first: an attached guard does nothing until the delivery begins, so no plugin can need to run before it.
   */
  comeFirst(): void {
    try {
      const leader = moveFirst(this.#plugin, 'send_email', 'tls_peers_attach');
      if (leader === undefined) return;
      this.#plugin.lognotice(`moved before ${leader} at send_email, to guard every delivery`);
    } catch (error) {
      // not covered: every Haraka that is supported has this list of hooks.
      this.#plugin.logerror(`the order of send_email plugins could not be looked at: ${messageOf(error)}`);
    }
  }

  #conclude(
    next: Next,
    hmail: HMailItem,
    outcome: SeenOutcome,
    report: (summary: DeliverySummary) => void,
    recipients?: readonly Recipient[],
  ): void {
    try {
      const guard = this.#guards.get(hmail);
      const part = this.#parts.get(hmail);
      const summary = guard?.summary() ?? part?.summary;
      if (summary !== undefined) {
        hmail.notes.tls_peers = summary;
        this.#summaries.set(hmail, summary);
        report(summary);
        if (this.#environment.keepsEvidence()) {
          const sighting = guard?.sighting(outcome) ?? (part && { ...part.sighting, outcome });
          if (sighting !== undefined) {
            this.#count(hmail, sighting);
            this.notes.concluded(hmail, summary, sighting, recipients);
          }
        }
      }
    } catch (error) {
      hmail.logerror(`tls-peers: the summary of this message broke: ${messageOf(error)}`);
    }
    next();
  }

  #log(hmail: HMailItem, line: string): void {
    if (this.#engine.settings().global.delivery.logLevel === 'notice') hmail.lognotice(line);
    else hmail.loginfo(line);
  }

  #count({ todo }: HMailItem, sighting: Sighting): void {
    this.#engine.evidence().add(
      {
        managed: managedDomain(this.#engine.settings(), domainOf(todo.mail_from)),
        direction: 'out',
        peer: peerName(todo.domain),
      },
      sighting,
    );
  }

  #reportFailure(
    outcome: Exclude<DeliveryOutcome, 'delivered'>,
    hmail: HMailItem,
    summary: DeliverySummary,
  ): void {
    const { todo } = hmail;
    tellFailure(
      {
        at: Date.now(),
        managed: managedDomain(this.#engine.settings(), domainOf(todo.mail_from)),
        peer: peerName(todo.domain),
        outcome,
      },
      summary,
    );
    if (summary.rule === '' && summary.reasons.length === 0) return;
    deliveryCounters.count(outcome, summary);
    this.#log(hmail, logLine(`tls-peers ${outcome}`, summary));
    // Where a host had its say, what the others did is not why the mail waits.
    if (summary.reply !== '') return;
    const policy = summary.reasons.find(({ reason }) => reason !== 'connection-failed');
    if (policy === undefined) return;
    const fate = outcome === 'bounced' ? 'returned' : 'held up';
    // That is said of the resolver, once, and is no fault of the peer.
    if (policy.reason === 'dns-lookup-failed' && this.#engine.isWithoutResolver()) return;
    if (summary.rule === '') this.#reportOurFault(fate, domainOf(hmail.todo.mail_from), policy);
    else if (
      isHeldByRule(summary) &&
      this.#health.failed(pairOf(summary), policy.reason) === 'began_to_fail'
    ) {
      deliveryCounters.peerChanged('failing');
      const line = `mail to ${summary.peer} is ${fate}: ${policy.reason} at ${policy.host}: ${policy.text} (rule ${summary.rule})`;
      this.#sayOnce(line, ({ notices }) => notices.isFirstFailure(pairOf(summary), policy.reason));
    }
  }

  /** The first host of a fleet that finds out says it. */
  #sayOnce(line: string, isFirst: (fleet: Fleet) => Promise<boolean>): void {
    const fleet = this.#engine.fleet();
    if (fleet === 'alone') this.#news.notice(line);
    else void isFirst(fleet).then((first) => this.#news[first ? 'notice' : 'debug'](line));
  }

  /** No rule was found: a file of ours is not valid, whoever the mail is for. */
  #reportOurFault(fate: string, sender: string, { reason, text }: ReasonSummary): void {
    if (this.#health.failed(ourFault(sender), reason) === 'began_to_fail') {
      this.#news.notice(`mail ${fromDomain(sender)} is ${fate}: ${reason}: ${text}`);
    }
  }
}

/** What is known of a message that was split off another. */
interface Part {
  readonly summary: DeliverySummary;
  readonly sighting: Sighting;
}

function ourFault(sender: string): string {
  return `${sender.toLowerCase()}\n`;
}

function fromDomain(sender: string): string {
  return sender === '' ? 'with the null sender' : `from ${printable(sender)}`;
}

/** What becomes of mail whose sender asks for more, or for less, says nothing of how other mail to the peer fares. */
function isHeldByRule({ requiretls }: DeliverySummary): boolean {
  return requiretls === undefined;
}

function pairOf(summary: DeliverySummary): string {
  return `${summary.rule}\n${summary.peer}`;
}

function environmentOf(plugin: HarakaPlugin, engine: Engine): DeliveryEnvironment {
  const outboundTls = plugin.haraka_require('outbound/tls') as OutboundTls;
  const outboundConfig = plugin.haraka_require('outbound/config') as OutboundConfigModule;
  const logger = plugin.haraka_require('logger') as LoggerModule;
  const limits = (): DeliveryLimits =>
    limitsOf(engine.settings().global, outboundConfig.cfg.concurrency_max ?? usualConcurrency);
  const connections = new Connections<About>(
    () => limits().connections,
    () => performance.now(),
  );
  engine.onChange(() => connections.settingsChanged());
  atShutdown(() => connections.endIdle());
  return {
    connections,
    outboundConfig,
    outboundTls,
    logsProtocol: () => isWritten(logger, 'protocol'),
    tlsSocket: plugin.haraka_require('tls_socket') as TlsSocketModule,
    keepsEvidence: () => engine.settings().global.evidence.enabled,
    sessions: () => engine.sessions(),
    isExemptFromTls: (name) => isListed(outboundTls.cfg?.no_tls_hosts ?? [], name),
    options: () => {
      const settings = engine.settings();
      const { delivery } = settings.global;
      const now = () => new Date();
      return {
        findRule: (sender, recipient) => outboundRule(settings, sender, recipient, utcDay(now())),
        sources: engine.sources(),
        routes: settings.global.outbound.values.routes ?? [],
        limits: limits(),
        rememberBrokenTls: delivery.rememberBrokenTls,
        now,
      };
    },
  };
}
