/** What the lab's Haraka holds: memory after a collection, and whatever keeps it awake. */
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Lab } from '../../../haraka-test-harness/lab';

/** A plugin that answers whoever connects with one line of JSON. */
export const gaugePlugin = `
const fs = require('node:fs');
const net = require('node:net');
const v8 = require('node:v8');
const vm = require('node:vm');
v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');
exports.register = function () { this.register_hook('init_master', 'open'); };
exports.open = function (next) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    gc(); gc();
    const { heapUsed, rss, external } = process.memoryUsage();
    const resources = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    socket.end(JSON.stringify({ heapUsed, external, rss, sockets: resources.TCPSocketWrap ?? 0, timers: resources.Timeout ?? 0, descriptors: fs.readdirSync('/proc/self/fd').length }));
  });
  server.listen(0, '127.0.0.1', () => {
    this.lognotice('gauge at ' + server.address().port);
    next();
  });
  server.unref();
};`;

export interface Reading {
  /** Octets. */
  readonly heapUsed: number;
  /** Octets that objects of the heap hold outside it, such as buffers. */
  readonly external: number;
  /** Octets. */
  readonly rss: number;
  readonly sockets: number;
  readonly timers: number;
  /** Sockets among them, and files of the queue. */
  readonly descriptors: number;
}

/**
 * What is left once nothing more is given back: V8 returns pages some time after a collection, and a burst of messages
 * a minute ago is no leak.
 */
export async function readGauge(lab: Lab): Promise<Reading> {
  let least = await readOnce(lab);
  for (let unchanged = 0, tries = 0; unchanged < 3 && tries < 20; tries++) {
    await wait(3000);
    const reading = await readOnce(lab);
    unchanged = reading.rss < least.rss * 0.99 ? 0 : unchanged + 1;
    if (reading.rss < least.rss) least = reading;
  }
  return least;
}

async function readOnce(lab: Lab): Promise<Reading> {
  const line = await lab.haraka.waitForLog(/gauge at \d+/);
  const port = Number(/gauge at (\d+)/.exec(line)?.[1]);
  let text = '';
  for await (const chunk of connect(port, '127.0.0.1')) text += String(chunk);
  return JSON.parse(text) as Reading;
}
