/**
 * Installed into the lab's Haraka: takes mail from anybody for anywhere, and tells the lab over loopback TCP, one JSON
 * line per event, what became of each message. TLS_PEERS_LAB_REPORT holds
 * { port, dsn: "discard" | "send", outcomes: "told" | "untold" }.
 */
'use strict';

/* global OK -- Haraka defines its constants as globals for plugins */

const net = require('node:net');

const { port, dsn, outcomes } = JSON.parse(process.env.TLS_PEERS_LAB_REPORT);
const last = 100;
let lab;

exports.register = function () {
  this.register_hook('init_master', 'start');
  this.register_hook('init_child', 'start');
  this.register_hook('connect', 'admit');
  this.register_hook('rcpt', 'accept');
  if (outcomes === 'untold') {
    this.register_hook('bounce', 'discarded', last);
    return;
  }
  this.register_hook('queue_outbound', 'label', -100);
  // Last, so that whatever other plugins note on the delivery is in the report.
  this.register_hook('delivered', 'delivered', last);
  this.register_hook('deferred', 'deferred', last);
  this.register_hook('bounce', 'bounced', last);
};

exports.start = function (next, server) {
  const listening = server.listeners?.map((one) => one.address()?.port).find((one) => one > 0);
  tell({ event: listening ? 'ready' : 'master', port: listening ?? 0 }, next);
};

exports.admit = (next, connection) => {
  connection.relaying = true;
  next();
};

exports.accept = (next) => next(OK);

exports.discarded = (next) => next(OK);

/** The id goes into the notes, which stay with the message through splits, retries and restarts. */
exports.label = (next, connection) => {
  const id = connection.transaction.header.get('Lab-Message-Id').trim();
  if (id) connection.transaction.notes.lab_message_id = id;
  next();
};

exports.delivered = (next, hmail, params) => {
  const [host, ip, response, delay, remotePort, mode, accepted, secured] = params;
  tell(
    {
      ...about(hmail, 'delivered'),
      host,
      ip,
      port: remotePort,
      response,
      delay,
      mode,
      secured: Boolean(secured),
      accepted: (accepted ?? []).map(addressOf),
    },
    next,
  );
};

/** Told once the queue file has its new name, so that whoever hears of the deferral may end Haraka at once. */
exports.deferred = (next, hmail, params) => {
  const report = { ...about(hmail, 'deferred'), error: textOf(params.err), delay: params.delay };
  const requeued = hmail.next_cb;
  hmail.next_cb = () => {
    hmail.next_cb = requeued;
    requeued.call(hmail);
    tell(report, () => {});
  };
  next();
};

exports.bounced = (next, hmail, error) => {
  tell({ ...about(hmail, 'bounced'), error: textOf(error) }, () => (dsn === 'send' ? next() : next(OK)));
};

function about(hmail, event) {
  const { todo } = hmail;
  return {
    event,
    id: todo.notes?.lab_message_id ?? hmail.notes?.lab_message_id ?? String(todo.uuid).replace(/\.\d+$/, ''),
    uuid: todo.uuid,
    pid: process.pid,
    domain: todo.domain,
    from: addressOf(todo.mail_from),
    failures: hmail.num_failures,
    summary: hmail.notes?.tls_peers ?? todo.notes?.tls_peers ?? null,
    recipients: todo.rcpt_to.map((rcpt) => ({
      address: addressOf(rcpt),
      reason: inShort(rcpt.reason),
      ...Object.fromEntries(
        Object.entries(rcpt)
          .filter(([key]) => key.startsWith('dsn_'))
          .map(([key, value]) => [key, inShort(value)]),
      ),
    })),
  };
}

/** A getter of the address class in Haraka 3.3, a method of its predecessor. */
function addressOf(path) {
  return (typeof path.address === 'function' ? path.address() : path.address) ?? '';
}

function textOf(error) {
  return inShort(error instanceof Error ? error.message : String(error));
}

/** What a host said may be millions of characters, for each of its recipients. */
function inShort(value) {
  return typeof value === 'string' && value.length > 4096 ? `${value.slice(0, 4096)}…` : value;
}

/** Goes on once the line has left: a Haraka that is killed right afterwards has reported. */
function tell(event, next) {
  let line;
  try {
    line = JSON.stringify(event);
  } catch (error) {
    line = JSON.stringify({ ...event, summary: { unreadable: String(error) } });
  }
  connection().write(`${line}\n`, () => next());
}

/** Deliveries may end before `start` is called. */
function connection() {
  if (lab !== undefined) return lab;
  lab = net.connect(port, '127.0.0.1');
  lab.on('error', () => {});
  // A Haraka whose lab is gone has nobody left to stop it.
  lab.on('close', () => process.exit(0));
  return lab;
}
