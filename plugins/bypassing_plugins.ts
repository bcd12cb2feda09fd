/** Mail that must not leave in cleartext is kept from plugins that would send it past the outbound queue. */
import { domainOf, type EnvelopeAddress } from '../src/delivery/address';
import { hookAnswer } from '../src/delivery/haraka';
import {
  deliverersAt,
  passOver,
  releaseProxy,
  shippedDeliverers,
  takesMessage,
  type Deliverer,
  type HarakaPlugins,
  type QueuedTransaction,
  type QueueingConnection,
} from '../src/delivery/past_the_queue';
import type { Engine } from '../src/engine';
import { utcDay } from '../src/peers/day';
import { judgeCustody, type QueueVerdict } from '../src/peers/past_the_queue';
import { outboundRule } from '../src/peers/rules';
import { messageOf } from '../src/text';
import type { HarakaPlugin, Next } from './haraka_plugin';
import { moveFirst } from './hook_order';

/** Before every other `queue_outbound` plugin: the first that answers OK has taken the message. */
const first = -100;

/** When other plugins have registered all that they will. */
const last = 100;

const method = 'tls_peers_custody';

/** What is used of Haraka's connection, beside what the plugins in question use. */
interface Connection extends QueueingConnection {
  readonly transaction?: Transaction | null;
  logwarn(...args: unknown[]): void;
  logerror(...args: unknown[]): void;
}

interface Transaction extends QueuedTransaction {
  readonly mail_from: EnvelopeAddress;
  readonly rcpt_to: readonly EnvelopeAddress[];
  readonly results: { add(plugin: { readonly name: string }, result: Record<string, unknown>): void };
}

/** Registers the hooks that hold such mail. */
export function holdFromBypass(plugin: HarakaPlugin, engine: Engine): void {
  const custody = new Custody(plugin, engine);
  plugin[method] = (next: Next, connection: Connection) => custody.judge(next, connection);
  plugin.register_hook('queue_outbound', method, first);
  plugin['tls_peers_custody_order'] = (next: Next) => custody.comeFirst(next);
  plugin.register_hook('init_master', 'tls_peers_custody_order', last);
  plugin.register_hook('init_child', 'tls_peers_custody_order', last);
}

class Custody {
  /** Rules and plugins that were warned of: there are as many as sections and lines of configuration. */
  readonly #warned = new Set<string>();

  readonly #plugin: HarakaPlugin;
  readonly #engine: Engine;

  constructor(plugin: HarakaPlugin, engine: Engine) {
    this.#plugin = plugin;
    this.#engine = engine;
  }

  /** `queue_outbound`: only for clients that may relay. An answer other than CONT is for refusals; Haraka's queue is its default. */
  judge(next: Next, connection: Connection): void {
    const { transaction } = connection;
    if (!transaction) {
      // not covered: Haraka calls this hook with a transaction.
      next();
      return;
    }
    let refusal: string | undefined;
    try {
      refusal = this.#refusalOf(connection, transaction);
    } catch (error) {
      // not covered: a second line of defence.
      connection.logerror(`tls-peers: whose queue may send this message is unknown: ${messageOf(error)}`);
      passOver(shippedDeliverers, transaction);
      refusal = '4.3.0 tls-peers cannot tell whether this message may leave in cleartext';
    }
    if (refusal === undefined) next();
    else next(hookAnswer.denysoft, refusal);
  }

  /** The reply's text; `undefined` where the message goes on to whoever takes it. */
  #refusalOf(connection: Connection, transaction: Transaction): string | undefined {
    const deliverers = this.#deliverers();
    if (deliverers.length === 0) return undefined;
    const verdict = this.#verdictOn(transaction);
    if (verdict.kind === 'free') return undefined;
    const taker = deliverers.find((one) => takesMessage(one, connection));
    const warnsOnly = this.#engine.settings().global.outbound.values.past_the_queue === 'warn';
    if (!warnsOnly) passOver(deliverers, transaction);
    if (taker === undefined) return undefined;
    this.#warn(connection, taker, verdict, warnsOnly);
    if (warnsOnly) return undefined;
    releaseProxy(connection);
    const whose = verdict.rule === undefined ? '' : ` (${verdict.rule})`;
    transaction.results.add({ name: 'tls-peers' }, { fail: `past the queue${whose}` });
    return `${verdict.status} ${verdict.text}, and ${taker.plugin} would send it past the queue where rules hold`;
  }

  #deliverers(): Deliverer[] {
    return deliverersAt('queue_outbound', this.#plugin.haraka_require('plugins') as HarakaPlugins);
  }

  #verdictOn({ mail_from: sender, rcpt_to: recipients }: Transaction): QueueVerdict {
    const settings = this.#engine.settings();
    const today = utcDay(new Date());
    const from = domainOf(sender);
    const domains = [...new Set(recipients.map(domainOf))];
    return judgeCustody(
      domains.map((domain) => ({ domain, found: outboundRule(settings, from, domain, today) })),
    );
  }

  /** Once for each rule and plugin: Haraka logs each refusal by itself. */
  #warn(
    connection: Connection,
    { plugin, kind }: Deliverer,
    { text, rule }: Extract<QueueVerdict, { kind: 'queue_only' }>,
    warnsOnly: boolean,
  ): void {
    const about = `${plugin}\n${rule ?? ''}`;
    if (this.#warned.has(about)) return;
    this.#warned.add(about);
    const ini = `${kind.slice(kind.indexOf('/') + 1)}.ini`;
    const fate = warnsOnly
      ? 'sends it all the same (past_the_queue = warn), past the outbound queue'
      : 'would send it past the outbound queue: refused. [outbound] past_the_queue = warn in tls-peers.ini lets it pass';
    connection.logwarn(
      `tls-peers: ${text}, and ${plugin} ${fate}; enable_outbound = false in ${ini} leaves such mail to the queue`,
    );
  }

  comeFirst(next: Next): void {
    try {
      const leader = moveFirst(this.#plugin, 'queue_outbound', method);
      if (leader !== undefined) {
        this.#plugin.lognotice(
          `moved before ${leader} at queue_outbound, to hold mail to the queue that its rule asks for`,
        );
      }
    } catch (error) {
      // not covered: every Haraka that is supported has this list of hooks.
      this.#plugin.logerror(`the order of plugins at queue_outbound is unknown: ${messageOf(error)}`);
    }
    next();
  }
}
