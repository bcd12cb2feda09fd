/**
 * REQUIRETLS and "TLS-Required: No" of mail that comes in (RFC 8689). The tag is set before anything is refused, and is kept here
 * as well as in the notes of the message: a deny hook may take a refusal back, and another plugin may write notes.
 */
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
import type { SmtpReply } from '../src/inbound/decide';
import { judgeMail, pastTheQueueText, readTlsRequired, receivedLine } from '../src/inbound/require_tls';
import { tagNote, tagOf, type SenderTag } from '../src/peers/sender_tag';
import { messageOf } from '../src/text';
import { encrypts } from '../src/tls/encrypts';
import type { HarakaPlugin, Next } from './haraka_plugin';
import { moveFirst } from './hook_order';
import { replyObject } from './reply_object';
import { isRegistered } from './suite';

/** Before every other plugin. */
const first = -100;
const last = 100;

/** What is used of Haraka's connection. */
interface Connection extends QueueingConnection {
  readonly relaying: boolean;
  readonly tls: { readonly enabled: boolean; readonly cipher?: { readonly name?: string } };
  capabilities?: string[] | null;
  readonly transaction?: Transaction | null;
  received_line?: () => string;
  loginfo(...args: unknown[]): void;
  lognotice(...args: unknown[]): void;
  logwarn(...args: unknown[]): void;
  logerror(...args: unknown[]): void;
}

interface Transaction extends QueuedTransaction {
  readonly notes: QueuedTransaction['notes'] & Record<string, unknown>;
  readonly header: { get_all(name: string): readonly unknown[] };
}

/** Hooks at which nobody may come before us: whoever answers OK there ends the chain. */
const hooks = ['mail', 'rcpt', 'queue', 'queue_outbound'] as const;
type Hook = (typeof hooks)[number];

const methodOf: Readonly<Record<Hook, string>> = {
  mail: 'tls_peers_requiretls_mail',
  rcpt: 'tls_peers_requiretls_rcpt',
  queue: 'tls_peers_requiretls_queue',
  queue_outbound: 'tls_peers_requiretls_queue_outbound',
};

export function registerRequireTls(plugin: HarakaPlugin, engine: Engine): void {
  const requests = new Requests(plugin, engine);
  plugin['tls_peers_requiretls_offer'] = (next: Next, connection: Connection) =>
    requests.offer(next, connection);
  plugin.register_hook('capabilities', 'tls_peers_requiretls_offer', last);
  plugin[methodOf.mail] = (next: Next, connection: Connection, params: unknown) =>
    requests.mail(next, connection, params);
  plugin[methodOf.rcpt] = (next: Next, connection: Connection) => requests.recipient(next, connection);
  for (const hook of ['queue', 'queue_outbound'] as const)
    plugin[methodOf[hook]] = (next: Next, connection: Connection) => requests.queue(next, connection, hook);
  for (const hook of hooks) plugin.register_hook(hook, methodOf[hook], first);
  plugin['tls_peers_requiretls_order'] = (next: Next) => {
    for (const hook of hooks) requests.comeFirst(hook);
    next();
  };
  plugin.register_hook('init_master', 'tls_peers_requiretls_order', last);
  plugin.register_hook('init_child', 'tls_peers_requiretls_order', last);
}

/** Tags of messages that are coming in, whatever becomes of their notes. */
const tags = new WeakMap<object, Exclude<SenderTag, 'untagged'>>();

/** `pre_send_trans_email`: what goes into the queue file. */
export function keepTag(transaction: { readonly notes: Record<string, unknown> }): void {
  const tag = tags.get(transaction);
  if (tag !== undefined) transaction.notes[tagNote] = tag;
}

function setTag(transaction: Transaction, tag: Exclude<SenderTag, 'untagged'>): void {
  tags.set(transaction, tag);
  transaction.notes[tagNote] = tag;
}

class Requests {
  /** Messages that were refused at MAIL. */
  readonly #refused = new WeakMap<object, SmtpReply>();

  readonly #plugin: HarakaPlugin;
  readonly #engine: Engine;

  constructor(plugin: HarakaPlugin, engine: Engine) {
    this.#plugin = plugin;
    this.#engine = engine;
  }

  /** To offer it is a promise, which the guard of outgoing mail keeps. */
  #offer(): 'switched_on' | 'switched_off' {
    const wanted = this.#engine.settings().global.inbound.values.requiretls === true;
    return wanted && isRegistered('outbound') ? 'switched_on' : 'switched_off';
  }

  offer(next: Next, connection: Connection): void {
    try {
      if (this.#offer() === 'switched_on' && isEncrypted(connection))
        connection.capabilities?.push('REQUIRETLS');
    } catch (error) {
      // not covered: a second line of defence.
      connection.logerror(`tls-peers: REQUIRETLS could not be offered: ${messageOf(error)}`);
    }
    next();
  }

  mail(next: Next, connection: Connection, params: unknown): void {
    const { transaction } = connection;
    const parameter = parameterIn(params);
    if (!transaction || parameter === undefined) {
      next();
      return;
    }
    const reply = this.#judge(connection, transaction, parameter);
    if (reply === 'accepted') next();
    else refuse(next, reply);
  }

  #judge(connection: Connection, transaction: Transaction, parameter: unknown): SmtpReply | 'accepted' {
    let reply: SmtpReply | 'accepted' = broken;
    try {
      // Before anything is refused.
      setTag(transaction, 'required');
      sayReceived(connection);
      const channel = isEncrypted(connection) ? 'tls' : 'cleartext';
      const verdict = judgeMail({ parameter, offer: this.#offer(), channel });
      reply = verdict.kind === 'refused' ? verdict.reply : this.#proxied(connection);
      // They would say MAIL to their server next, without it. What others do before the message is whole is for them to do.
      passOver(
        [...this.#deliverers('queue'), ...this.#deliverers('queue_outbound')].filter(isProxy),
        transaction,
      );
    } catch (error) {
      // not covered: a second line of defence.
      connection.logerror(`tls-peers: REQUIRETLS could not be taken in: ${messageOf(error)}`);
    }
    if (reply !== 'accepted') this.#refused.set(transaction, reply);
    return reply;
  }

  /** smtp_proxy is at its server from MAIL on, and gets the message at the end. */
  #proxied(connection: Connection): SmtpReply | 'accepted' {
    const proxy = this.#deliverers(connection.relaying ? 'queue_outbound' : 'queue').find(isProxy);
    if (proxy === undefined) return 'accepted';
    return { code: 550, status: '5.7.30', text: pastTheQueueText(proxy.plugin).slice('5.7.30 '.length) };
  }

  /** Whoever takes a refusal back at MAIL has not made the message one that may be sent. */
  recipient(next: Next, { transaction }: Connection): void {
    const reply = transaction ? this.#refused.get(transaction) : undefined;
    if (reply === undefined) next();
    else refuse(next, reply);
  }

  queue(next: Next, connection: Connection, hook: 'queue' | 'queue_outbound'): void {
    const { transaction } = connection;
    const reply = transaction ? this.#queued(connection, transaction, hook) : 'accepted';
    if (reply === 'accepted') next();
    else next(hookAnswer.deny, reply);
  }

  /** @returns the text of the refusal */
  #queued(connection: Connection, transaction: Transaction, hook: 'queue' | 'queue_outbound'): string {
    try {
      if (!tags.has(transaction) && hook === 'queue_outbound') this.#readHeader(connection, transaction);
      keepTag(transaction);
      if (tags.get(transaction) !== 'required') return 'accepted';
      const deliverers = this.#deliverers(hook);
      // Also where it is refused: somebody may take that back.
      passOver(deliverers, transaction);
      const refused = this.#refused.get(transaction);
      if (refused !== undefined) return `${refused.status} ${refused.text}`;
      const taker = deliverers.find((one) => isProxy(one) || takesMessage(one, connection));
      if (taker === undefined) return 'accepted';
      releaseProxy(connection);
      return pastTheQueueText(taker.plugin);
    } catch (error) {
      // not covered: a second line of defence.
      connection.logerror(`tls-peers: REQUIRETLS could not be held to: ${messageOf(error)}`);
      passOver(shippedDeliverers, transaction);
      return tagOf(transaction.notes) === 'required' ? `${broken.status} ${broken.text}` : 'accepted';
    }
  }

  /** Only of clients that may relay: to strangers it says nothing of how mail goes on from here. */
  #readHeader(connection: Connection, transaction: Transaction): void {
    const verdict = readTlsRequired(transaction.header.get_all('TLS-Required'));
    if (verdict.kind === 'no') setTag(transaction, 'optional');
    if (verdict.kind === 'ignored') {
      connection.lognotice(`tls-peers: the TLS-Required header field is ignored: ${verdict.why}`);
    }
  }

  #deliverers(hook: 'queue' | 'queue_outbound'): Deliverer[] {
    return deliverersAt(hook, this.#plugin.haraka_require('plugins') as HarakaPlugins);
  }

  comeFirst(hook: Hook): void {
    try {
      moveFirst(this.#plugin, hook, methodOf[hook]);
    } catch (error) {
      // not covered: every Haraka that is supported has this list of hooks.
      this.#plugin.logerror(`the order of plugins at ${hook} is unknown: ${messageOf(error)}`);
    }
  }
}

function isProxy({ kind }: Deliverer): boolean {
  return kind === 'queue/smtp_proxy';
}

const broken: SmtpReply = { code: 451, status: '4.3.0', text: 'tls-peers cannot take REQUIRETLS in now' };

function refuse(next: Next, reply: SmtpReply): void {
  next(reply.code < 500 ? hookAnswer.denysoft : hookAnswer.deny, replyObject(reply));
}

/** Haraka hands over the address, and the parameters by their names in capitals. */
function parameterIn(params: unknown): unknown {
  const named: unknown = Array.isArray(params) ? params[1] : undefined;
  if (typeof named !== 'object' || named === null || !Object.hasOwn(named, 'REQUIRETLS')) return undefined;
  return Reflect.get(named, 'REQUIRETLS') ?? null;
}

function isEncrypted({ tls: { enabled, cipher } }: Connection): boolean {
  return enabled && (cipher?.name === undefined || encrypts(cipher.name));
}

const saysSo = new WeakSet<object>();

/** Once for each connection: the line is made for whichever message is at hand. */
function sayReceived(connection: Connection): void {
  const original = connection.received_line?.bind(connection);
  if (original === undefined || saysSo.has(connection)) return;
  saysSo.add(connection);
  connection.received_line = () => {
    const line = original();
    const { transaction } = connection;
    return transaction && tags.get(transaction) === 'required' ? receivedLine(line) : line;
  };
}
