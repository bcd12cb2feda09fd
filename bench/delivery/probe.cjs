/**
 * A plugin for the Haraka that is measured, with or without the suite: how long a message waits before its first
 * connection, and what a run of messages costs. After every BENCH_RUN delivered messages it logs one line.
 */
'use strict';

/* global performance -- plugins in a package see Node's globals */

const waits = [];
const begun = new WeakMap();
const run = Number(process.env.BENCH_RUN);
let delivered = 0;
/** At the first connection of a run. */
let spent;

exports.register = function () {
  const { prototype } = this.haraka_require('outbound/hmail');
  const { _send } = prototype;
  prototype._send = function () {
    begun.set(this, performance.now());
    return _send.call(this);
  };
  // Last, so that a guard is attached already.
  this.register_hook('connect', 'begin', -1000);
  this.register_hook('send_email', 'watch', 1000);
  this.register_hook('delivered', 'count', 1000);
};

/** Haraka rests between runs, and what it does then is no message's. */
exports.begin = function (next) {
  spent ??= process.cpuUsage();
  next();
};

/** Haraka asks whether TLS is forced directly before it connects. */
exports.watch = function (next, hmail) {
  const { get_force_tls } = hmail;
  hmail.get_force_tls = function (mx) {
    const answer = get_force_tls.call(this, mx);
    if (begun.has(hmail)) waits.push(performance.now() - begun.get(hmail));
    begun.delete(hmail);
    return answer;
  };
  next();
};

exports.count = function (next) {
  delivered++;
  if (delivered % run === 0) {
    const { user, system } = process.cpuUsage(spent);
    this.lognotice(
      `bench-run ${JSON.stringify({ run: delivered / run, processorMs: (user + system) / 1000, waits })}`,
    );
    waits.length = 0;
    spent = undefined;
  }
  next();
};
