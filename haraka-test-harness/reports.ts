/** Collects what Haraka reports about messages, and lets others wait for it. */
import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What became of one attempt to deliver one message to one recipient domain. */
export interface Outcome {
  readonly status: 'delivered' | 'deferred' | 'bounced';
  readonly id: string;
  /** The recipient domain. */
  readonly domain: string;
  readonly from: string;
  /** Haraka's own name for the delivery. */
  readonly uuid: string;
  readonly pid: number;
  /** How often it had failed before. */
  readonly failures: number;
  /** Why it was deferred or bounced; empty where delivered. */
  readonly error: string;
  readonly recipients: readonly ReportedRecipient[];
  /** What the plugins under test noted on the delivery as `notes.tls_peers`; `undefined` where nothing. */
  readonly summary: Record<string, unknown> | undefined;
  /** Where it was delivered. */
  readonly delivery:
    | {
        readonly host: string;
        readonly ip: string;
        readonly port: number;
        readonly secured: boolean;
        /** The recipients that the host took it for. */
        readonly accepted: readonly string[];
        /** What Haraka was told of the last reply. */
        readonly response: string;
      }
    | 'none';
}

/** A recipient with Haraka's DSN fields. */
export interface ReportedRecipient {
  readonly address: string;
  readonly dsn_status?: string;
  readonly dsn_code?: number | string;
  readonly dsn_msg?: string;
  readonly dsn_action?: string;
  readonly [field: string]: unknown;
}

export interface OutcomeWish {
  /** Of the deliveries of one message, those to this domain. */
  readonly domain?: string;
  /** The how-manieth outcome is meant; 1 where absent. */
  readonly attempt?: number;
  /** `settled` passes over deferrals. */
  readonly wanted?: 'any' | 'settled';
  readonly timeoutMs?: number;
}

export interface Reports {
  readonly port: number;
  readonly outcome: (id: string, wish?: OutcomeWish) => Promise<Outcome>;
  /** So far, in order; of all messages where no id is given. */
  readonly outcomes: (id?: string) => readonly Outcome[];
  /** Resolves with the SMTP port once `count` processes that listen have reported since `reset`. */
  ready(count: number, signal: AbortSignal): Promise<number>;
  /** Forgets which processes are ready. */
  reset(): void;
  readonly stop: () => Promise<void>;
}

export async function startReports(): Promise<Reports> {
  const arrivals = new EventEmitter();
  arrivals.setMaxListeners(0);
  const outcomes: Outcome[] = [];
  const sockets = new Set<Socket>();
  let listening: number[] = [];

  function take(line: string): void {
    const report = JSON.parse(line) as Record<string, unknown>;
    if (report['event'] === 'ready') listening.push(Number(report['port']));
    else if (report['event'] !== 'master') outcomes.push(outcomeOf(report));
    arrivals.emit('arrival');
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    let pending = '';
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: string) => {
      const lines = (pending + chunk).split('\n');
      pending = lines.pop() ?? '';
      lines.forEach(take);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  async function when<T>(found: () => T | undefined, signal: AbortSignal, what: () => string): Promise<T> {
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      await once(arrivals, 'arrival', { signal }).catch(() => {
        throw new Error(what());
      });
    }
  }

  return {
    port: (server.address() as AddressInfo).port,
    outcome: (id, { domain, attempt = 1, wanted = 'any', timeoutMs = 20_000 } = {}) =>
      when(
        () =>
          outcomes.filter(
            (one) =>
              one.id === id &&
              (domain === undefined || one.domain === domain) &&
              (wanted === 'any' || one.status !== 'deferred'),
          )[attempt - 1],
        AbortSignal.timeout(timeoutMs),
        () =>
          `no outcome ${attempt} of message ${id}${domain === undefined ? '' : ` to ${domain}`} in ${timeoutMs} ms`,
      ),
    outcomes: (id) => outcomes.filter((one) => id === undefined || one.id === id),
    ready: (count, signal) =>
      when(
        () => (listening.length >= count ? listening[0] : undefined),
        signal,
        () => 'Haraka did not start in time',
      ),
    reset: () => {
      listening = [];
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

function outcomeOf(report: Record<string, unknown>): Outcome {
  const status = report['event'] as Outcome['status'];
  const summary = report['summary'];
  return {
    status,
    id: String(report['id']),
    domain: String(report['domain']),
    from: String(report['from']),
    uuid: String(report['uuid']),
    pid: Number(report['pid']),
    failures: Number(report['failures']),
    error: typeof report['error'] === 'string' ? report['error'] : '',
    recipients: report['recipients'] as readonly ReportedRecipient[],
    summary:
      typeof summary === 'object' && summary !== null ? (summary as Record<string, unknown>) : undefined,
    delivery:
      status === 'delivered'
        ? {
            host: String(report['host']),
            ip: String(report['ip']),
            port: Number(report['port']),
            secured: report['secured'] === true,
            accepted: report['accepted'] as readonly string[],
            response: String(report['response']),
          }
        : 'none',
  };
}
