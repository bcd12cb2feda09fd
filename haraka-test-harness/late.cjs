/** Delays as exact as the processor allows: the timers of Node alone are up to a millisecond late. */
'use strict';

const { performance } = require('node:perf_hooks');
const { clearImmediate, clearTimeout, setImmediate, setTimeout } = require('node:timers');

/** For so long before its time an action is waited for without sleeping. Milliseconds. */
const awake = 2;

/**
 * Calls `action` once `ms` milliseconds have passed.
 *
 * @param {number} ms
 * @param {() => void} action
 * @returns {() => void} calls it off
 */
exports.late = function late(ms, action) {
  const due = performance.now() + ms;
  let watching;
  const watch = () => {
    if (performance.now() >= due) action();
    else watching = setImmediate(watch);
  };
  const sleeping = setTimeout(watch, Math.max(0, ms - awake));
  return () => {
    clearTimeout(sleeping);
    clearImmediate(watching);
  };
};
