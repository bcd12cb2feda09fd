/** TLS reports (RFC 8460): those of others are sent, ours are read. What does the work is loaded where `[tls_reports]` asks for it. */
import { hostname } from 'node:os';
import { loadBundle } from '../src/bundles';
import { hookAnswer, type HMailItem } from '../src/delivery/haraka';
import { reportNoteOf } from '../src/delivery/report_mail';
import type { Engine } from '../src/engine';
import type { Outbound, Transactions } from '../src/reports/queue/submit';
import type { ReportSender } from '../src/reports/send/sender';
import { harakaConfigDirectory } from '../src/settings/haraka/config_directory';
import { sendsTlsReports } from '../src/settings/schema/tls_reports';
import type { ReportReceiver, Taken } from '../src/reports/receive/receiver';
import { isReportAddress } from '../src/inbound/report_address';
import { textOf, type EnvelopeAddress } from '../src/delivery/address';
import { messageOf, printable } from '../src/text';
import { logOf, type HarakaPlugin, type Next, type Piece } from './haraka_plugin';
import { atShutdown, engineOf, isFirst, prepareLeader, shutdown, whenLeading } from './suite';
import { isCluster } from './workers';

export const reports: Piece = { register, shutdown };

/** Before plugins that would make something of a report that comes back. */
const early = -90;

function register(this: HarakaPlugin): void {
  if (!isFirst('reports')) return;
  const engine = engineOf(this);
  prepareLeader(this);
  for (const [hook, event] of [
    ['delivered', 'delivered'],
    ['deferred', 'deferred'],
    ['bounce', 'bounced'],
  ] as const) {
    const name = `tls_peers_report_${event}`;
    this[name] = (next: Next, hmail: HMailItem, params: unknown) =>
      concluded(next, engine, hmail, event, params);
    this.register_hook(hook, name, early);
  }
  const incoming = new IncomingReports(this, engine);
  this['tls_peers_report_received'] = (next: Next, connection: Connection) => incoming.take(next, connection);
  this.register_hook('queue', 'tls_peers_report_received', early);
  // A host in front of this one that hands on what came from outside may relay.
  this.register_hook('queue_outbound', 'tls_peers_report_received', early);
  this['tls_peers_reports_start'] = (next: Next) => {
    whenLeading(() => sendReports(this, engine));
    next();
  };
  this.register_hook('init_child', 'tls_peers_reports_start');
  if (!isCluster(this)) this.register_hook('init_master', 'tls_peers_reports_start');
}

/** What became of a message; of ours, where it is a report. */
function concluded(
  next: Next,
  engine: Engine,
  hmail: HMailItem,
  event: 'delivered' | 'deferred' | 'bounced',
  params: unknown,
): void {
  try {
    const note = reportNoteOf(hmail.todo);
    if (note !== undefined) {
      const error: unknown = event === 'deferred' ? (params as { err?: unknown }).err : params;
      const place = { directory: engine.reportsDirectory(), owner: engine.owner() };
      const what = event === 'delivered' ? { event } : { event, error };
      const { noteOutcome } = loadBundle('sessions');
      if (noteOutcome(hmail, note, what, { place, now: new Date() }) === 'take_out') {
        next(hookAnswer.ok);
        return;
      }
    }
  } catch (fault) {
    hmail.logerror(`tls-peers: ${messageOf(fault)}`);
  }
  next();
}

/** In the process that does so for all, as soon as it is said who reports. */
function sendReports(plugin: HarakaPlugin, engine: Engine): void {
  let sender: ReportSender | undefined;
  const log = logOf(plugin);
  const settings = () => engine.settings().global.tlsReports;
  const start = (): void => {
    if (sender !== undefined || !sendsTlsReports(settings())) return;
    try {
      const { ReportSender, findDkimKey, postReport } = loadBundle('reports');
      const { submitReport } = loadBundle('sessions');
      const haraka = {
        outbound: plugin.haraka_require('outbound') as Outbound,
        transactions: plugin.haraka_require('transaction') as Transactions,
      };
      sender = new ReportSender({
        settings,
        directory: () => engine.reportsDirectory(),
        owner: engine.owner(),
        log,
        now: () => new Date(),
        host: hostname(),
        txt: (name) => engine.resolver().txt(name),
        key: () => findDkimKey(settings(), harakaConfigDirectory(plugin.config)),
        submit: (mail) => submitReport(haraka, mail),
        post: (url, body) => postReport(url, body, { resolver: engine.resolver() }),
      });
      sender.start();
    } catch (error) {
      log.error(`TLS reports: none is sent: ${printable(messageOf(error))}`);
    }
  };
  start();
  engine.onChange(start);
  atShutdown(() => void sender?.close());
}

/** What is used of Haraka's connection. */
interface Connection {
  readonly transaction?: {
    readonly rcpt_to: readonly EnvelopeAddress[];
    readonly data_bytes: number;
    readonly message_stream: { get_data(callback: (raw: Buffer) => void): void };
    readonly results: { add(plugin: { readonly name: string }, result: Record<string, unknown>): void };
  } | null;
  loginfo(...args: unknown[]): void;
  lognotice(...args: unknown[]): void;
  logerror(...args: unknown[]): void;
}

/** Reports of others, to the addresses of `receive`. Whatever becomes of them, no message is lost. */
class IncomingReports {
  readonly #plugin: HarakaPlugin;
  readonly #engine: Engine;
  #receiver: ReportReceiver | undefined;

  constructor(plugin: HarakaPlugin, engine: Engine) {
    this.#plugin = plugin;
    this.#engine = engine;
  }

  take(next: Next, connection: Connection): void {
    const { transaction } = connection;
    const { receive, receivedMail } = this.#engine.settings().global.tlsReports;
    if (receive.length === 0 || !transaction) {
      next();
      return;
    }
    const isForReports = (recipient: EnvelopeAddress) => isReportAddress(receive, textOf(recipient));
    if (!transaction.rcpt_to.some(isForReports)) {
      next();
      return;
    }
    this.#read(transaction)
      .then((taken) => {
        if (taken.kind === 'taken') {
          connection.loginfo(`tls-peers: a TLS report of ${taken.signer} about ${taken.managed} was read`);
          transaction.results.add({ name: 'tls-peers' }, { pass: 'TLS report' });
          // Whoever else the message is for gets it all the same.
          if (receivedMail === 'keep' && transaction.rcpt_to.every(isForReports)) {
            next(hookAnswer.ok, 'the report was read');
            return;
          }
        } else {
          connection.lognotice(`tls-peers: mail to a report address does not count: ${taken.problem}`);
          transaction.results.add({ name: 'tls-peers' }, { msg: `no TLS report: ${taken.problem}` });
        }
        next();
      })
      .catch((error: unknown) => {
        connection.logerror(`tls-peers: a TLS report could not be read: ${printable(messageOf(error))}`);
        next();
      });
  }

  async #read({ data_bytes, message_stream }: NonNullable<Connection['transaction']>): Promise<Taken> {
    const { ReportReceiver, longestMessage } = loadBundle('reception');
    if (data_bytes > longestMessage) return { kind: 'refused', problem: 'it is too large' };
    const engine = this.#engine;
    this.#receiver ??= new ReportReceiver({
      settings: () => engine.settings(),
      directory: () => engine.reportsDirectory(),
      owner: engine.owner(),
      log: logOf(this.#plugin),
      now: () => new Date(),
      txt: (name) => engine.resolver().txt(name),
    });
    const raw = await new Promise<Buffer>((resolve) => message_stream.get_data(resolve));
    return this.#receiver.take(raw);
  }
}
