/** What the lab's Haraka holds: memory after a collection, and whatever keeps it awake. */
import type { Lab } from '../../haraka-test-harness/lab';

/** A plugin that answers whoever connects with one line of JSON. */
export const gaugePlugin = `
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
    const { heapUsed, rss } = process.memoryUsage();
    const resources = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    socket.end(JSON.stringify({ heapUsed, rss, sockets: resources.TCPSocketWrap ?? 0, timers: resources.Timeout ?? 0 }));
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
  /** Octets. */
  readonly rss: number;
  readonly sockets: number;
  readonly timers: number;
}

export async function readGauge(lab: Lab): Promise<Reading> {
  const line = await lab.haraka.waitForLog(/gauge at \d+/);
  const port = Number(/gauge at (\d+)/.exec(line)?.[1]);
  const { connect } = await import('node:net');
  let text = '';
  for await (const chunk of connect(port, '127.0.0.1')) text += String(chunk);
  return JSON.parse(text) as Reading;
}
