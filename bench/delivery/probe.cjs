/**
 * A plugin for the Haraka that is measured, with or without the suite. It does what the command XBENCH says: holds mail back and
 * lets all of it go at once, tells how long messages waited before their first connection, and takes a profile.
 */
'use strict';

/* global performance, OK, DELAY -- plugins in a package see Node's globals, and Haraka's constants */

const fs = require('node:fs');
const inspector = require('node:inspector');

const waits = [];
const begun = new WeakMap();
const keepsWaits = process.env.BENCH_WAITS === 'kept';
/** Seconds: until somebody lets it go. */
const longHold = 3600;
let holds = false;
let session;
let outbound;

exports.register = function () {
  outbound = this.haraka_require('outbound/queue');
  this.register_hook('unrecognized_command', 'obey');
  // Last, so that a guard is attached already.
  this.register_hook('send_email', 'sendEmail', 1000);
  if (!keepsWaits) return;
  const { prototype } = this.haraka_require('outbound/hmail');
  const { _send } = prototype;
  prototype._send = function () {
    begun.set(this, performance.now());
    return _send.call(this);
  };
};

exports.sendEmail = function (next, hmail) {
  if (holds) {
    next(DELAY, longHold);
    return;
  }
  if (keepsWaits) watch(hmail);
  next();
};

/** Haraka asks whether TLS is forced directly before it connects. */
function watch(hmail) {
  const { get_force_tls } = hmail;
  hmail.get_force_tls = function (mx) {
    const answer = get_force_tls.call(this, mx);
    if (begun.has(hmail)) waits.push(performance.now() - begun.get(hmail));
    begun.delete(hmail);
    return answer;
  };
}

exports.obey = function (next, connection, [command, what]) {
  const order = command === 'XBENCH' ? orders[what] : undefined;
  if (order === undefined) {
    next();
    return;
  }
  order((answer) => connection.respond(250, answer, () => next(OK)));
};

const orders = {
  HOLD(answer) {
    holds = true;
    answer('held');
  },
  HELD(answer) {
    answer(String(outbound.temp_fail_queue.length()));
  },
  RELEASE(answer) {
    holds = false;
    outbound.temp_fail_queue.drain();
    answer('released');
  },
  WAITS(answer) {
    answer(JSON.stringify(waits.splice(0).map((ms) => Number(ms.toFixed(3)))));
  },
  PROFILE(answer) {
    session = new inspector.Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: 200 });
    session.post('Profiler.start', () => answer('begun'));
  },
  PROFILED(answer) {
    session.post('Profiler.stop', (error, { profile }) => {
      fs.writeFileSync(process.env.BENCH_PROFILE, JSON.stringify(profile));
      session.disconnect();
      answer('written');
    });
  },
};
