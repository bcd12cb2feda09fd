/** Inbound: each recipient held to its managed domain's rule for the client that names it. */
import { judgeRecipient, refusedForNow, type Protection, type RecipientVerdict } from '../src/inbound/decide';
import { countIncoming } from '../src/inbound/counters';
import { InboundSightings, type Judged } from '../src/inbound/sightings';
import { InboundTrack } from '../src/inbound/track';
import { verdictLine } from '../src/inbound/report';
import { isReportAddress } from '../src/inbound/report_address';
import { ruleForClient, type Client } from '../src/inbound/client_rule';
import type { Engine } from '../src/engine';
import { utcDay } from '../src/peers/day';
import { domainOf, textOf, type EnvelopeAddress } from '../src/delivery/address';
import { hookAnswer, isWritten, type LoggerModule } from '../src/delivery/haraka';
import { messageOf } from '../src/text';
import { encrypts } from '../src/tls/encrypts';
import type { HarakaPlugin, Next, Piece } from './haraka_plugin';
import { moveFirst } from './hook_order';
import { messageIdOf, type MessageTaken } from './outcome_notes';
import { replyObject } from './reply_object';
import { registerRequireTls } from './require_tls';
import { engineOf, isFirst, shutdown } from './suite';

/** Before every other `rcpt` plugin: the first that answers OK ends the chain. */
const first = -100;

/** When other plugins have registered all that they will. */
const last = 100;

export const inbound: Piece = { register, shutdown };

/** What is used of Haraka's connection. */
interface Connection {
  readonly remote: { readonly ip: string };
  readonly relaying: boolean;
  /** What was received and not looked at yet. */
  current_data: unknown;
  readonly hello: { readonly verb?: string | null };
  readonly tls: {
    readonly enabled: boolean;
    readonly advertised?: boolean;
    readonly cipher?: { readonly name?: string; readonly version?: string };
  };
  readonly notes: { readonly auth_user?: unknown };
  readonly results: Results;
  readonly transaction?: Transaction | null;
  logdebug(...args: unknown[]): void;
  loginfo(...args: unknown[]): void;
  lognotice(...args: unknown[]): void;
  logerror(...args: unknown[]): void;
}

interface Transaction {
  readonly uuid?: string;
  readonly header: MessageTaken['header'];
  readonly mail_from: EnvelopeAddress;
  readonly rcpt_to: readonly EnvelopeAddress[];
  readonly results: Results;
}

interface Results {
  add(plugin: { readonly name: string }, result: Record<string, unknown>): void;
}

function register(this: HarakaPlugin): void {
  if (!isFirst('inbound')) return;
  const engine = engineOf(this);
  registerRequireTls(this, engine);
  const recipients = new Recipients(this, engine);
  this['tls_peers_recipient'] = (next: Next, connection: Connection, params: unknown[]) =>
    recipients.judge(next, connection, params[0] as EnvelopeAddress);
  this.register_hook('rcpt', 'tls_peers_recipient', first);
  this['tls_peers_starttls'] = (next: Next, connection: Connection, params: unknown[]) => {
    if (String(params[0]).toUpperCase() === 'STARTTLS') forgetPipelined(connection);
    next();
  };
  this.register_hook('unrecognized_command', 'tls_peers_starttls', first);
  this['tls_peers_queued'] = (next: Next, connection: Connection) => recipients.queued(next, connection);
  this.register_hook('queue_ok', 'tls_peers_queued', first);
  this['tls_peers_rcpt_order'] = (next: Next) => recipients.comeFirst(next);
  this.register_hook('init_master', 'tls_peers_rcpt_order', last);
  this.register_hook('init_child', 'tls_peers_rcpt_order', last);
}

/**
 * What a client sent in cleartext behind STARTTLS must not count within TLS (RFC 3207 section 4.2). Haraka does this by
 * itself since 3.2; before that, half a command became the beginning of the first one through TLS.
 */
function forgetPipelined(connection: Connection): void {
  connection.current_data = null;
}

class Recipients {
  /** What was already said of a message, and of a connection: once for all recipients that fared alike. */
  readonly #said = new WeakMap<object, Set<string>>();
  /** Whose client it was when the first recipient of a message was named. */
  readonly #kinds = new WeakMap<Transaction, Client['kind']>();

  readonly #sightings: InboundSightings;
  readonly #track: InboundTrack;
  readonly #plugin: HarakaPlugin;
  readonly #engine: Engine;
  readonly #logger: LoggerModule;

  constructor(plugin: HarakaPlugin, engine: Engine) {
    this.#plugin = plugin;
    this.#engine = engine;
    this.#sightings = new InboundSightings((key, sighting) => {
      countIncoming(sighting);
      if (engine.settings().global.evidence.enabled) engine.evidence().add(key, sighting);
    });
    this.#track = new InboundTrack((row) => {
      const track = engine.track();
      if (track !== 'nowhere') track.add(row);
    });
    this.#logger = plugin.haraka_require('logger') as LoggerModule;
  }

  judge(next: Next, connection: Connection, recipient: EnvelopeAddress): void {
    const verdict = this.#verdict(connection, recipient);
    try {
      this.#report(connection, recipient, verdict);
    } catch (error) {
      connection.logerror(`tls-peers: the verdict could not be reported: ${messageOf(error)}`);
    }
    if (verdict.kind !== 'refused') next();
    else if (verdict.reply.code < 500) next(hookAnswer.denysoft, replyObject(verdict.reply));
    else next(hookAnswer.deny, replyObject(verdict.reply));
  }

  #verdict(connection: Connection, recipient: EnvelopeAddress): RecipientVerdict {
    try {
      const { receive } = this.#engine.settings().global.tlsReports;
      // What is wrong with our own TLS is to come through (RFC 8460 section 3).
      if (isReportAddress(receive, textOf(recipient))) return { kind: 'admitted', rule: 'TLS reports' };
      const today = utcDay(new Date());
      const client = this.#clientOf(connection);
      const found = ruleForClient(this.#engine.settings(), domainOf(recipient), client, today);
      const seen = protectionOf(connection);
      const verdict = judgeRecipient(found, seen);
      this.#note(connection, recipient, { client, found, verdict, seen });
      return verdict;
    } catch (error) {
      return refusedForNow({ reason: 'internal-error', text: messageOf(error) });
    }
  }

  /** For the record. A fault in it must not change the verdict. */
  #note(
    connection: Connection,
    recipient: EnvelopeAddress,
    judged: Omit<Judged, 'settings' | 'recipientDomain'>,
  ): void {
    const { transaction } = connection;
    const settings = this.#engine.settings();
    if (!transaction) return;
    const { enabled, track } = settings.global.evidence;
    try {
      const whole: Judged = { settings, recipientDomain: domainOf(recipient), ...judged };
      this.#sightings.judged(transaction, whole);
      if (!enabled || !track) return;
      this.#track.judged(transaction, {
        ...whole,
        sender: textOf(transaction.mail_from),
        recipient: textOf(recipient),
        transaction: transaction.uuid ?? '',
        at: Date.now(),
      });
    } catch (error) {
      connection.logerror(`tls-peers: the recipient could not be counted: ${messageOf(error)}`);
    }
  }

  /** `queue_ok`: somebody has taken the message. */
  queued(next: Next, connection: Connection): void {
    const { transaction } = connection;
    try {
      if (transaction) {
        this.#sightings.accepted(transaction, transaction.rcpt_to.map(domainOf));
        if (this.#engine.settings().global.evidence.track)
          this.#track.accepted(
            transaction,
            transaction.rcpt_to.map(textOf),
            messageIdOf(transaction),
            Date.now(),
          );
      }
    } catch (error) {
      connection.logerror(`tls-peers: the message could not be counted: ${messageOf(error)}`);
    }
    next();
  }

  #clientOf(connection: Connection): Client {
    const { transaction, remote } = connection;
    return {
      ip: remote.ip,
      senderDomain: transaction ? domainOf(transaction.mail_from) : '',
      kind: transaction ? this.#kindOf(connection, transaction) : 'peer',
    };
  }

  /**
   * Before any other plugin has seen a recipient: `relay` lets a client relay that names one of its destinations, and Haraka
   * keeps that for the rest of the message.
   */
  #kindOf({ relaying, notes }: Connection, transaction: Transaction): Client['kind'] {
    const kind = this.#kinds.get(transaction) ?? (relaying || notes.auth_user !== undefined ? 'own' : 'peer');
    this.#kinds.set(transaction, kind);
    return kind;
  }

  #report(connection: Connection, recipient: EnvelopeAddress, verdict: RecipientVerdict): void {
    const { transaction } = connection;
    const seen = protectionOf(connection);
    const tls = seen.kind === 'tls' ? seen.protocol : 'none';
    const result = { tls, ...resultOf(verdict) };
    const alike = JSON.stringify(result);
    if (this.#isNews(connection, alike)) connection.results.add({ name: 'tls-peers' }, result);
    if (!transaction || !this.#isNews(transaction, alike)) return;
    transaction.results.add({ name: 'tls-peers' }, result);
    // No rule is meant for this client: for each message of one's own users that would be no news.
    const isNothing = verdict.kind === 'admitted' && verdict.rule === '';
    if (isNothing && !isWritten(this.#logger, 'debug')) return;
    const line = verdictLine(verdict, {
      client: this.#clientOf(connection),
      sender: textOf(transaction.mail_from),
      recipient: textOf(recipient),
      tls,
    });
    if (verdict.kind !== 'admitted') connection.lognotice(line);
    else if (isNothing) connection.logdebug(line);
    else connection.loginfo(line);
  }

  #isNews(of: object, what: string): boolean {
    const said = this.#said.get(of) ?? new Set<string>();
    if (said.has(what)) return false;
    this.#said.set(of, said.add(what));
    return true;
  }

  /**
   * Whatever ran before us could let a recipient in without our being asked. Nothing needs to: the verdict depends on the
   * client and the envelope alone.
   */
  comeFirst(next: Next): void {
    try {
      const leader = moveFirst(this.#plugin, 'rcpt', 'tls_peers_recipient');
      if (leader !== undefined) {
        this.#plugin.lognotice(`moved before ${leader} at rcpt, to hold every recipient to its rule`);
      }
    } catch (error) {
      // not covered: every Haraka that is supported has this list of hooks.
      this.#plugin.logerror(`the order of plugins at rcpt is unknown: ${messageOf(error)}`);
    }
    next();
  }
}

/** Haraka replaces the cipher's own version by the protocol's, for STARTTLS and for SMTPS. */
function protectionOf({ tls, hello }: Connection): Protection {
  if (tls.enabled) {
    const { name, version = '' } = tls.cipher ?? {};
    return name === undefined || encrypts(name)
      ? { kind: 'tls', protocol: version }
      : { kind: 'null_cipher', cipher: name };
  }
  // HELO asks for nothing.
  const withheld = hello.verb === 'EHLO' && tls.advertised !== true;
  return { kind: 'cleartext', startTls: withheld ? 'withheld' : 'available' };
}

function resultOf(verdict: RecipientVerdict): Record<string, unknown> {
  switch (verdict.kind) {
    case 'admitted':
      return verdict.rule === '' ? { skip: 'own client' } : { pass: verdict.rule };
    case 'recorded':
      return { msg: `${verdict.failure.reason} (${verdict.rule}, monitor)` };
    case 'refused':
      return { fail: `${verdict.failure.reason}${verdict.rule === '' ? '' : ` (${verdict.rule})`}` };
  }
}
